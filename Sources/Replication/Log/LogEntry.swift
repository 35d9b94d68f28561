package import LTX

/// Where the log ends, as far as somebody knows.
package struct LogTip: Sendable, Hashable {
    package let position: Position
    /// Of the last transaction; none that follows has an earlier one.
    package let timestampMilliseconds: Int64

    package init(position: Position, timestampMilliseconds: Int64) {
        (self.position, self.timestampMilliseconds) = (position, timestampMilliseconds)
    }
}

/// What a file of level 0 says of itself, once its bytes are known to be right.
package struct LogEntry: Sendable, Hashable {
    package let tip: LogTip
    /// The checksum of the file before it, where the writer says so.
    package let predecessor: Checksum?
    /// Who wrote it; 0 is somebody who does not know of other writers.
    package let nodeID: UInt64

    package init(tip: LogTip, predecessor: Checksum?, nodeID: UInt64) {
        (self.tip, self.predecessor, self.nodeID) = (tip, predecessor, nodeID)
    }

    package init(_ header: Header, _ position: Position) {
        tip = LogTip(position: position, timestampMilliseconds: header.timestampMilliseconds)
        (predecessor, nodeID) = (header.linkedChecksum, header.nodeID)
    }
}

extension Header {
    /// The writer of files that any instance makes of the log in the same way.
    private static let compactedNodeID: UInt64 = 1

    /// Makes it the header of a file above level 0 whose last transaction is in the level-0 file with this checksum.
    ///
    /// Nothing is named where that is not known.
    mutating func linkCompacted(to last: Checksum?) {
        nodeID = last == nil ? 0 : Self.compactedNodeID
        linkedChecksum = last
    }

    /// Where a WAL's frames begin, and what Litestream demands at least.
    private static let linkOffset: UInt64 = 32

    /// The checksum of a file of level 0, which our own files keep where Litestream has the salts of a WAL.
    ///
    /// In level 0 it is that of the file before. In a higher level it is that of the last one that the file covers.
    package var linkedChecksum: Checksum? {
        get {
            guard nodeID != 0, walOffset == Self.linkOffset, walSize == 0 else { return nil }
            return Checksum(rawValue: UInt64(walSalt1) << 32 | UInt64(walSalt2))
        }
        set {
            (walOffset, walSize) = (Self.linkOffset, 0)
            walSalt1 = UInt32(truncatingIfNeeded: (newValue?.rawValue ?? 0) >> 32)
            walSalt2 = UInt32(truncatingIfNeeded: newValue?.rawValue ?? 0)
        }
    }
}
