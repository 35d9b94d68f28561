package import LTX

/// What a replica holds, level by level.
package struct ReplicaSummary: Equatable, Sendable {
    package struct Level: Equatable, Sendable {
        package let level: Int
        package let fileCount: Int
        package let byteCount: Int
        /// The transactions from the first to the last; there may be holes, which snapshots cover.
        package let minTXID: TXID
        package let maxTXID: TXID
        /// When the newest file came, by the store's clock.
        package let newestMilliseconds: Int64
    }

    /// A state of the whole database in one file.
    package struct Snapshot: Equatable, Sendable {
        package let txid: TXID
        package let byteCount: Int
        /// When it came, by the store's clock.
        package let timeMilliseconds: Int64
    }

    /// Those that have files, ascending.
    package let levels: [Level]
    package let lastSnapshot: Snapshot?

    package var byteCount: Int { levels.reduce(0) { $0 + $1.byteCount } }
    /// The newest transaction in any level.
    package var maxTXID: TXID? { levels.map(\.maxTXID).max() }

    /// Sums up what a listing shows.
    package init(_ listing: ReplicaListing) { self.init(LevelState(listing)) }

    init(_ state: LevelState) {
        levels = state.levels.enumerated().compactMap { level, files in
            guard let first = files.first, let maxTXID = files.map(\.maxTXID).max() else { return nil }
            return Level(
                level: level,
                fileCount: files.count,
                byteCount: files.reduce(0) { $0 + $1.size },
                minTXID: first.minTXID,
                maxTXID: maxTXID,
                newestMilliseconds: files.map(\.uploadedMilliseconds).max() ?? 0
            )
        }
        lastSnapshot = state.snapshots.last.map {
            Snapshot(txid: $0.maxTXID, byteCount: $0.size, timeMilliseconds: $0.uploadedMilliseconds)
        }
    }
}
