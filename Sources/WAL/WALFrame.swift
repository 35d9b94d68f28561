/// The 24 bytes before each page in a WAL file.
package struct WALFrame: Equatable, Sendable {
    package static let headerSize = 24

    /// The part of the header that the running checksum covers.
    static let checkedSize = 8

    package let pageNumber: UInt32
    /// The size of the database in pages, if a transaction ends with this frame; otherwise zero.
    package let commit: UInt32
    package let salt1: UInt32
    package let salt2: UInt32
    /// The running checksum including this frame.
    package let checksum: WALChecksum

    /// Reads the first 24 of `bytes`, or nil where there are fewer.
    package init?(_ bytes: Span<UInt8>) {
        guard bytes.count >= Self.headerSize else { return nil }
        pageNumber = bytes.word(at: 0)
        commit = bytes.word(at: 4)
        salt1 = bytes.word(at: 8)
        salt2 = bytes.word(at: 12)
        checksum = WALChecksum(bytes, at: 16)
    }
}
