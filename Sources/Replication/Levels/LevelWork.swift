internal import LTX

/// One step of what has to be done for a replica's levels.
package enum LevelWork: Equatable, Sendable {
    /// What is known has a hole: look what is there.
    case list
    /// Read what only the files themselves tell.
    case inspect(level: Int, [LevelFile])
    /// Merge files of the level below into one of this level.
    case compact(into: Int, [LevelFile])
    case snapshot
    case delete(level: Int, [LevelFile])

    /// What fails together.
    package enum Kind: Hashable, Sendable {
        case list
        case compact(into: Int)
        case snapshot
        case delete(level: Int)
    }
}

/// Decides what is to be done; a function of the log and of what is known of it.
///
/// A compacted file covers what has its time in one interval, and is made once a file of a later interval is there. So
/// every instance makes the same files, whenever it gets to it.
package struct LevelPlanner: Sendable {
    /// As many files are merged into one, in however much time they came: what a merge needs in memory grows with them.
    package static let sourceCountMax = 512
    /// As many files are looked into, or deleted, in one step.
    static let batchCountMax = 256

    private let policy: LevelPolicy

    package init(_ policy: LevelPolicy) { self.policy = policy }

    /// The highest level that files are compacted into.
    var levelMax: Int { policy.intervals.count }

    /// The next step, or nil when there is nothing to do now.
    ///
    /// - Parameters:
    ///   - state: What is known of the replica.
    ///   - nowMilliseconds: The local time, for stores that do not tell theirs.
    ///   - blocked: What is not to be tried now.
    /// - Returns: The step, and what it belongs to.
    package func next(
        _ state: LevelState,
        nowMilliseconds: Int64,
        blocked: Set<LevelWork.Kind> = []
    ) -> (kind: LevelWork.Kind, work: LevelWork)? {
        for level in 1..<(policy.intervals.count + 1) where !blocked.contains(.compact(into: level)) {
            guard let work = compaction(into: level, state) else { continue }
            guard work == .list else { return (.compact(into: level), work) }
            if !blocked.contains(.list) { return (.list, .list) }
        }
        if !blocked.contains(.snapshot), let work = snapshot(state) { return (.snapshot, work) }
        guard policy.isRetentionEnabled else { return nil }
        let now = state.storeMilliseconds ?? nowMilliseconds
        for deletion in [level0Deletion(state, now), levelDeletion(state, now)] {
            if let (kind, work) = deletion, !blocked.contains(kind) { return (kind, work) }
        }
        return nil
    }

    /// Whether a file that was just written may have made something due that was not before.
    package func isTurn(from last: LevelFile.Facts?, to new: LevelFile.Facts) -> Bool {
        guard let last, let interval = policy.intervals.first ?? policy.snapshotInterval else { return true }
        return Self.index(new.timestampMilliseconds, interval) != Self.index(last.timestampMilliseconds, interval)
    }

    // MARK: Compaction

    private func compaction(into level: Int, _ state: LevelState) -> LevelWork? {
        let interval = policy.intervals[level - 1]
        let covered = state.levels[level].map(\.maxTXID).max() ?? TXID(rawValue: 0)
        let sources = state.levels[level - 1]
        // They are many, and the new ones few.
        let firstNew = sources.lastIndex { $0.maxTXID <= covered }.map { $0 + 1 } ?? 0
        var group: [LevelFile] = []
        var end = covered
        var latest = Int64.min
        for (index, file) in sources[firstNew...].enumerated() where file.maxTXID > end {
            guard let facts = file.facts else {
                let unknown = sources[(firstNew + index)...].filter { $0.facts == nil }
                return .inspect(level: level - 1, Array(unknown.prefix(Self.batchCountMax)))
            }
            let isClosed =
                group.count == Self.sourceCountMax
                || !group.isEmpty
                    && Self.index(latest, interval) != Self.index(max(latest, facts.timestampMilliseconds), interval)
            if isClosed { return .compact(into: level, group) }
            guard file.minTXID.rawValue <= end.rawValue + 1 || group.isEmpty && isCovered(upTo: file, state) else {
                return .list
            }
            // Clocks that went back do not move a file to an earlier interval.
            latest = max(latest, facts.timestampMilliseconds)
            end = file.maxTXID
            group.append(file)
        }
        return group.count == Self.sourceCountMax ? .compact(into: level, group) : nil
    }

    /// Whether all that is before a file is in a snapshot, so that nothing needs what is missing.
    private func isCovered(upTo file: LevelFile, _ state: LevelState) -> Bool {
        state.snapshots.contains { $0.maxTXID.rawValue + 1 >= file.minTXID.rawValue }
    }

    // MARK: Snapshots

    private func snapshot(_ state: LevelState) -> LevelWork? {
        guard let interval = policy.snapshotInterval, let newest = state.levels[0].last else { return nil }
        guard let last = state.snapshots.last else { return .snapshot }
        guard newest.maxTXID > last.maxTXID else { return nil }
        guard let before = last.facts else { return .inspect(level: ReplicaLayout.snapshotLevel, [last]) }
        guard let now = newest.facts else { return .inspect(level: 0, [newest]) }
        let isLater =
            Self.index(now.timestampMilliseconds, interval) > Self.index(before.timestampMilliseconds, interval)
        return isLater ? .snapshot : nil
    }

    // MARK: Deletion

    private func level0Deletion(_ state: LevelState, _ now: Int64) -> (kind: LevelWork.Kind, work: LevelWork)? {
        if let checked = state.level0CheckedMilliseconds, now - checked < policy.level0CheckInterval.milliseconds {
            return nil
        }
        let level = policy.intervals.isEmpty ? ReplicaLayout.snapshotLevel : 1
        guard let oldest = state.levels[0].first else { return nil }
        let covering = state.levels[level].filter {
            $0.maxTXID >= oldest.maxTXID && now - $0.uploadedMilliseconds >= policy.level0KeptMilliseconds
        }
        guard let covered = covering.map(\.maxTXID).max() else { return nil }
        let old = state.levels[0].dropLast().prefix(Self.batchCountMax).prefix { $0.maxTXID <= covered }
        guard !old.isEmpty else { return nil }
        // A name in a listing is not enough to let go of what it covers.
        let unknown = covering.filter { $0.facts == nil }
        guard unknown.isEmpty else {
            return (.delete(level: 0), .inspect(level: level, Array(unknown.prefix(Self.batchCountMax))))
        }
        return (.delete(level: 0), .delete(level: 0, Array(old)))
    }

    /// The levels before the snapshots that they go with, so that a deletion that stops halfway is taken up again.
    private func levelDeletion(_ state: LevelState, _ now: Int64) -> (kind: LevelWork.Kind, work: LevelWork)? {
        let expired = state.snapshots.dropLast()
            .prefix { now - $0.uploadedMilliseconds >= policy.snapshotRetention.milliseconds }
        guard let last = expired.last else { return nil }
        for level in 1..<ReplicaLayout.snapshotLevel {
            // Not up to the oldest snapshot that stays: who restores from one that goes may still need them.
            let old = state.levels[level].dropLast().prefix { $0.maxTXID < last.maxTXID }.prefix(Self.batchCountMax)
            if !old.isEmpty { return (.delete(level: level), .delete(level: level, Array(old))) }
        }
        let level = ReplicaLayout.snapshotLevel
        return (.delete(level: level), .delete(level: level, Array(expired.prefix(Self.batchCountMax))))
    }

    private static func index(_ milliseconds: Int64, _ interval: Duration) -> Int64 {
        let length = interval.milliseconds
        let index = milliseconds / length
        return milliseconds % length < 0 ? index - 1 : index
    }
}
