/// The last 16 bytes of a file.
struct Trailer {
    static let size = 16

    /// The part that the file's checksum covers.
    static let checkedSize = 8

    /// The checksum of the database after these transactions, where it is tracked.
    let postApplyChecksum: Checksum?
    let fileChecksum: Checksum

    init(fileChecksum: Checksum) {
        postApplyChecksum = nil
        self.fileChecksum = fileChecksum
    }

    init(_ bytes: Span<UInt8>, header: Header, offset: UInt64) throws(LTXError) {
        let postApply: UInt64 = bytes.bigEndian(at: 0)
        postApplyChecksum = Checksum(rawValue: postApply)
        guard postApply == postApplyChecksum?.rawValue ?? 0,
            (postApplyChecksum != nil) == header.tracksDatabaseChecksum
        else { throw LTXError(.databaseChecksumPresence, offset: offset) }
        guard let fileChecksum = Checksum(rawValue: bytes.bigEndian(at: Self.checkedSize)) else {
            throw LTXError(.fileChecksum, offset: offset + UInt64(Self.checkedSize))
        }
        self.fileChecksum = fileChecksum
    }
}
