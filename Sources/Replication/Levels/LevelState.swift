internal import LTX

/// What is known of all levels of a replica.
package struct LevelState: Equatable, Sendable {
    /// For each level, by transaction.
    package private(set) var levels: [[LevelFile]]
    /// The latest time that the store has told.
    package private(set) var storeMilliseconds: Int64?
    /// When level 0 was last looked through for what need not be kept.
    package var level0CheckedMilliseconds: Int64?

    package init(_ levels: [[LevelFile]] = []) {
        precondition(levels.count <= ReplicaLayout.snapshotLevel + 1)
        self.levels = levels + Array(repeating: [], count: ReplicaLayout.snapshotLevel + 1 - levels.count)
    }

    init(_ listing: ReplicaListing) {
        self.init()
        for file in listing.ltx { levels[file.level].append(LevelFile(file)) }
    }

    package var snapshots: [LevelFile] { levels[ReplicaLayout.snapshotLevel] }

    /// The first transaction whose state can still be restored: where a file ends that needs none before it.
    var oldestRestorable: TXID? {
        levels.joined().filter { $0.minTXID.rawValue == 1 }.map(\.maxTXID).min()
    }

    /// Takes note of a file; one that is known already is known better now.
    package mutating func add(_ file: LevelFile, level: Int) {
        // Nearly always it is the newest.
        let behind = levels[level].lastIndex { ($0.minTXID, $0.maxTXID) <= (file.minTXID, file.maxTXID) }
        if let behind, levels[level][behind].isSameFile(as: file) {
            if file.facts != nil { levels[level][behind] = file }
        } else {
            levels[level].insert(file, at: behind.map { $0 + 1 } ?? 0)
        }
    }

    mutating func remove(_ files: [LevelFile], level: Int) {
        let gone = Set(files.map { [$0.minTXID, $0.maxTXID] })
        levels[level].removeAll { gone.contains([$0.minTXID, $0.maxTXID]) }
    }

    mutating func noteStoreTime(_ milliseconds: Int64?) {
        guard let milliseconds else { return }
        storeMilliseconds = max(storeMilliseconds ?? milliseconds, milliseconds)
    }

    /// Takes over what was learned of files while their listing was under way or before it.
    mutating func adopt(_ other: Self) {
        for (level, files) in other.levels.enumerated() {
            for file in files where file.facts != nil {
                // What is not listed any more is gone, but for what came after the listing.
                let isNewer = file.maxTXID > levels[level].last?.maxTXID ?? TXID(rawValue: 0)
                if isNewer || levels[level].contains(where: file.isSameFile) { add(file, level: level) }
            }
        }
        noteStoreTime(other.storeMilliseconds)
    }
}
