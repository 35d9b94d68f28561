package import LTX

/// What is known of a file in some level of a replica.
package struct LevelFile: Equatable, Sendable {
    /// What only the file itself tells.
    package struct Facts: Equatable, Sendable {
        /// When its last transaction was.
        package let timestampMilliseconds: Int64
        /// The checksum of the level-0 file before it, where it names one.
        package let predecessor: Checksum?
        /// The checksum of the last level-0 file in it, where that is known.
        package let end: Checksum?

        package init(timestampMilliseconds: Int64, predecessor: Checksum? = nil, end: Checksum?) {
            (self.timestampMilliseconds, self.predecessor, self.end) = (timestampMilliseconds, predecessor, end)
        }
    }

    package let minTXID: TXID
    package let maxTXID: TXID
    package let size: Int
    /// When it came, by the store's clock.
    package let uploadedMilliseconds: Int64
    package var facts: Facts?

    package init(minTXID: TXID, maxTXID: TXID, size: Int, uploadedMilliseconds: Int64, facts: Facts? = nil) {
        (self.minTXID, self.maxTXID, self.size) = (minTXID, maxTXID, size)
        (self.uploadedMilliseconds, self.facts) = (uploadedMilliseconds, facts)
    }

    init(_ file: LTXFile) {
        self.init(
            minTXID: file.minTXID,
            maxTXID: file.maxTXID,
            size: file.object.size,
            uploadedMilliseconds: file.object.receivedMilliseconds
        )
    }

    func isSameFile(as other: Self) -> Bool { minTXID == other.minTXID && maxTXID == other.maxTXID }
}
