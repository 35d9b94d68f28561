/// The first 32 bytes of a WAL file.
///
/// SQLite writes the log from the start again once everything in it is in the database, with a new header: what follows
/// then belongs to the log only as far as it carries the new salts.
/// - SeeAlso: <https://sqlite.org/fileformat2.html#walformat>
package struct WALHeader: Hashable, Sendable {
    package static let size = 32

    private static let magic: UInt32 = 0x377F_0682
    private static let bigEndianBit: UInt32 = 1
    private static let version: UInt32 = 3_007_000

    package let pageSize: Int
    package let checkpointSequence: UInt32
    package let salt1: UInt32
    package let salt2: UInt32
    let byteOrder: WALChecksum.ByteOrder
    let checksum: WALChecksum

    /// Reads the first 32 of `bytes`.
    package init(_ bytes: Span<UInt8>) throws(WALError) {
        guard bytes.count >= Self.size else { throw .truncated(size: bytes.count) }
        let magic = bytes.word(at: 0)
        guard magic & ~Self.bigEndianBit == Self.magic else { throw .magic(magic) }
        byteOrder = magic & Self.bigEndianBit == 0 ? .little : .big
        let version = bytes.word(at: 4)
        guard version == Self.version else { throw .version(version) }
        let pageSize = bytes.word(at: 8)
        guard (512...65536).contains(pageSize), pageSize.nonzeroBitCount == 1 else { throw .pageSize(pageSize) }
        self.pageSize = Int(pageSize)
        checkpointSequence = bytes.word(at: 12)
        salt1 = bytes.word(at: 16)
        salt2 = bytes.word(at: 20)
        var computed = WALChecksum()
        computed.update(bytes.extracting(..<24), byteOrder)
        checksum = WALChecksum(bytes, at: 24)
        guard checksum == computed else { throw .checksum }
    }

    /// The size of a frame: what stands before a page, and the page.
    package var frameSize: Int { WALFrame.headerSize + pageSize }
}
