/// The first 100 bytes of an LTX file: which transactions it holds, and of what database.
package struct Header: Equatable, Sendable {
    package static let size = 100

    private static let magic: UInt32 = 0x4C54_5831  // "LTX1", in every version of the format
    private static let noChecksumFlag: UInt32 = 0b10
    private static let lockByteOffset: UInt32 = 0x4000_0000

    package var pageSize: UInt32
    /// The size of the database in pages, after these transactions.
    package var commit: UInt32
    package var minTXID: TXID
    package var maxTXID: TXID
    package var timestampMilliseconds: Int64
    /// Where in the WAL the pages came from.
    ///
    /// Litestream demands 32 or more in level 0, and 0 means "unknown".
    package var walOffset: UInt64
    package var walSize: UInt64
    package var walSalt1: UInt32
    package var walSalt2: UInt32
    package var nodeID: UInt64
    /// Whether the file carries checksums of the whole database.
    ///
    /// Litestream refuses to restore those, so we only read them.
    package private(set) var tracksDatabaseChecksum = false
    /// The checksum of the database before these transactions, where it is tracked.
    package private(set) var preApplyChecksum: Checksum?

    package init(
        pageSize: UInt32,
        commit: UInt32,
        minTXID: TXID,
        maxTXID: TXID,
        timestampMilliseconds: Int64,
        walOffset: UInt64 = 0,
        walSize: UInt64 = 0,
        walSalt1: UInt32 = 0,
        walSalt2: UInt32 = 0,
        nodeID: UInt64 = 0
    ) {
        self.pageSize = pageSize
        self.commit = commit
        self.minTXID = minTXID
        self.maxTXID = maxTXID
        self.timestampMilliseconds = timestampMilliseconds
        self.walOffset = walOffset
        self.walSize = walSize
        self.walSalt1 = walSalt1
        self.walSalt2 = walSalt2
        self.nodeID = nodeID
    }

    /// Whether the file must hold every page of the database.
    package var isSnapshot: Bool { minTXID.rawValue == 1 }

    /// The page that SQLite locks and never writes, so that no file ever holds it.
    package var lockPage: UInt32 { Self.lockPage(pageSize: pageSize) }

    package static func lockPage(pageSize: UInt32) -> UInt32 { lockByteOffset / pageSize + 1 }

    /// Reads the first 100 bytes of a file.
    package init(_ bytes: Span<UInt8>) throws(LTXError) {
        guard bytes.count >= Self.size else { throw LTXError(.truncated, offset: UInt64(bytes.count)) }
        let magic: UInt32 = bytes.bigEndian(at: 0)
        guard magic == Self.magic else { throw LTXError(.magic(magic), offset: 0) }
        let flags: UInt32 = bytes.bigEndian(at: 4)
        guard flags & ~Self.noChecksumFlag == 0 else { throw LTXError(.headerFlags(flags), offset: 4) }
        tracksDatabaseChecksum = flags & Self.noChecksumFlag == 0
        pageSize = bytes.bigEndian(at: 8)
        commit = bytes.bigEndian(at: 12)
        minTXID = TXID(rawValue: bytes.bigEndian(at: 16))
        maxTXID = TXID(rawValue: bytes.bigEndian(at: 24))
        timestampMilliseconds = bytes.bigEndian(at: 32)
        let preApply: UInt64 = bytes.bigEndian(at: 40)
        preApplyChecksum = Checksum(rawValue: preApply)
        walOffset = bytes.bigEndian(at: 48)
        walSize = bytes.bigEndian(at: 56)
        walSalt1 = bytes.bigEndian(at: 64)
        walSalt2 = bytes.bigEndian(at: 68)
        nodeID = bytes.bigEndian(at: 72)
        try validate()
        guard preApply == preApplyChecksum?.rawValue ?? 0 else {
            throw LTXError(.databaseChecksumPresence, offset: 40)
        }
        for offset in 80..<Self.size where bytes[offset] != 0 {
            throw LTXError(.reservedBytes, offset: UInt64(offset))
        }
    }

    /// Throws unless the fields obey the rules of the format.
    func validate() throws(LTXError) {
        guard (512...65536).contains(pageSize), pageSize.nonzeroBitCount == 1 else {
            throw LTXError(.pageSize(pageSize), offset: 8)
        }
        guard commit > 0 else { throw LTXError(.commitMissing, offset: 12) }
        guard minTXID.rawValue > 0, minTXID <= maxTXID else {
            throw LTXError(.transactionRange(min: minTXID, max: maxTXID), offset: 16)
        }
        let needsPreApply = tracksDatabaseChecksum && !isSnapshot
        guard (preApplyChecksum != nil) == needsPreApply else { throw LTXError(.databaseChecksumPresence, offset: 40) }
        guard walOffset <= Int64.max, walSize <= Int64.max else { throw LTXError(.walRange, offset: 48) }
        guard walOffset > 0 || (walSize == 0 && walSalt1 == 0 && walSalt2 == 0) else {
            throw LTXError(.walRange, offset: 48)
        }
    }

    /// The 100 bytes.
    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: tracksDatabaseChecksum ? 0 : Self.noChecksumFlag)
        bytes.append(bigEndian: pageSize)
        bytes.append(bigEndian: commit)
        bytes.append(bigEndian: minTXID.rawValue)
        bytes.append(bigEndian: maxTXID.rawValue)
        bytes.append(bigEndian: timestampMilliseconds)
        bytes.append(bigEndian: preApplyChecksum?.rawValue ?? 0)
        bytes.append(bigEndian: walOffset)
        bytes.append(bigEndian: walSize)
        bytes.append(bigEndian: walSalt1)
        bytes.append(bigEndian: walSalt2)
        bytes.append(bigEndian: nodeID)
        bytes.append(contentsOf: repeatElement(0, count: Self.size - bytes.count))
        return bytes
    }
}
