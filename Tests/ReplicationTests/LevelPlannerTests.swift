import LTX
import TestSupport
import Testing

@testable import Replication

@Suite struct LevelPlannerTests {
    /// 30 s, 5 min; snapshots each hour, kept for two; level 0 kept for ten minutes after it was compacted.
    private static let policy = LevelPolicy(
        intervals: [.seconds(30), .seconds(300)],
        snapshotInterval: .seconds(3600),
        snapshotRetention: .seconds(7200),
        level0Retention: .seconds(600),
        level0RetentionMin: .zero,
        level0CheckInterval: .seconds(15)
    )

    private func file(_ min: UInt64, _ max: UInt64, at seconds: Int64, uploaded: Int64? = nil) -> LevelFile {
        LevelFile(
            minTXID: TXID(rawValue: min),
            maxTXID: TXID(rawValue: max),
            size: 1,
            uploadedMilliseconds: (uploaded ?? seconds) * 1000,
            facts: LevelFile.Facts(timestampMilliseconds: seconds * 1000, end: nil)
        )
    }

    private func unknown(_ min: UInt64, _ max: UInt64) -> LevelFile {
        LevelFile(minTXID: TXID(rawValue: min), maxTXID: TXID(rawValue: max), size: 1, uploadedMilliseconds: 0)
    }

    private func state(_ levels: [Int: [LevelFile]]) -> LevelState {
        LevelState((0...9).map { levels[$0] ?? [] })
    }

    private func next(
        _ levels: [Int: [LevelFile]],
        policy: LevelPolicy = policy,
        now: Int64 = 0,
        blocked: Set<LevelWork.Kind> = []
    ) -> LevelWork? {
        LevelPlanner(policy).next(state(levels), nowMilliseconds: now * 1000, blocked: blocked)?.work
    }

    // MARK: Compaction

    @Test
    func `an interval is compacted once a file of a later one is there`() {
        let snapshot = [9: [file(1, 1, at: 5)]]
        let first = (1...3).map { file($0, $0, at: Int64($0) * 9) }
        #expect(next(snapshot.merging([0: first]) { $1 }) == nil)
        let more = first + [file(4, 4, at: 29)]
        #expect(next(snapshot.merging([0: more]) { $1 }) == nil)
        let later = more + [file(5, 5, at: 30)]
        #expect(next(snapshot.merging([0: later]) { $1 }) == .compact(into: 1, more))
        // However late it is.
        #expect(next(snapshot.merging([0: more + [file(5, 5, at: 900)]]) { $1 }) == .compact(into: 1, more))
    }

    @Test
    func `compaction goes on behind what is compacted, level by level`() {
        let level0 = (1...6).map { file($0, $0, at: Int64($0) * 100) }
        let done = [file(1, 1, at: 100), file(2, 2, at: 200)]
        var levels = [0: level0, 1: done, 9: [file(1, 1, at: 0)]]
        #expect(next(levels) == .compact(into: 1, [level0[2]]))
        levels[1]? += [file(3, 3, at: 300), file(4, 4, at: 400), file(5, 5, at: 500)]
        #expect(next(levels) == .compact(into: 2, done))
        levels[2] = [file(1, 2, at: 200)]
        #expect(next(levels) == nil, "the second five minutes are not over")
    }

    @Test
    func `a clock that went back moves nothing to an earlier interval`() {
        let level0 = [file(1, 1, at: 31), file(2, 2, at: 29), file(3, 3, at: 59), file(4, 4, at: 60)]
        #expect(next([0: level0, 9: [file(1, 1, at: 0)]]) == .compact(into: 1, Array(level0[..<3])))
    }

    @Test
    func `a merge has a bounded number of sources`() {
        let level0 = (1...600).map { file($0, $0, at: 10) }
        let snapshot = [file(1, 1, at: 0)]
        #expect(next([0: level0, 9: snapshot]) == .compact(into: 1, Array(level0[..<512])))
        #expect(next([0: level0, 1: [file(1, 512, at: 10)], 9: snapshot]) == nil, "the rest waits for its interval")
        #expect(next([0: Array(level0[..<511]), 9: snapshot]) == nil)
        #expect(next([0: Array(level0[..<512]), 9: snapshot]) == .compact(into: 1, Array(level0[..<512])))
    }

    @Test
    func `a file whose time is not known is read first`() {
        let level0 = [unknown(1, 1), unknown(2, 2), file(3, 3, at: 40)]
        #expect(next([0: level0, 9: [file(1, 1, at: 0)]]) == .inspect(level: 0, Array(level0[..<2])))
    }

    @Test
    func `a hole is looked into, unless a snapshot covers it`() {
        let level0 = [file(5, 5, at: 10), file(6, 6, at: 40)]
        #expect(next([0: level0]) == .list)
        #expect(next([0: level0, 9: [file(1, 3, at: 0)]]) == .list)
        #expect(next([0: level0, 9: [file(1, 4, at: 0)]]) == .compact(into: 1, [level0[0]]))
        #expect(next([0: level0, 1: [file(1, 3, at: 0)], 9: [file(1, 1, at: 0)]]) == .list)
        let inside = [file(1, 1, at: 10), file(3, 3, at: 11), file(4, 4, at: 50)]
        #expect(next([0: inside, 9: [file(1, 2, at: 0)]]) == .list, "no file may have a hole")
    }

    @Test
    func `files inside others are passed over`() {
        let level0 = [file(1, 4, at: 10), file(2, 3, at: 12), file(5, 5, at: 13), file(6, 6, at: 40)]
        #expect(next([0: level0, 9: [file(1, 1, at: 0)]]) == .compact(into: 1, [level0[0], level0[2]]))
    }

    @Test
    func `what is blocked holds up nothing else`() {
        let level0 = [file(1, 1, at: 10), file(2, 2, at: 40)]
        #expect(next([0: level0], blocked: [.compact(into: 1)]) == .snapshot)
        #expect(next([0: level0], blocked: [.compact(into: 1), .snapshot]) == nil)
        #expect(next([0: [file(5, 5, at: 10)]], blocked: [.list]) == .snapshot)
    }

    // MARK: Snapshots

    @Test
    func `a snapshot is due at first, and in each interval in which something was written`() {
        #expect(next([:]) == nil, "there is nothing yet")
        #expect(next([0: [file(1, 1, at: 10)]]) == .snapshot)
        let snapshot = [file(1, 1, at: 10)]
        #expect(next([0: [file(1, 1, at: 10)], 9: snapshot]) == nil)
        #expect(next([0: [file(2, 2, at: 3599)], 9: snapshot], blocked: [.list]) == nil)
        #expect(next([0: [file(2, 2, at: 3600)], 9: snapshot], blocked: [.list]) == .snapshot)
        #expect(next([0: [file(1, 1, at: 3600)], 9: snapshot]) == nil, "it is the same state")
        #expect(next([0: [file(2, 2, at: 3600)], 9: [unknown(1, 1)]]) == .inspect(level: 9, [unknown(1, 1)]))
        var policy = Self.policy
        policy.snapshotInterval = nil
        #expect(next([0: [file(1, 1, at: 10)]], policy: policy) == nil)
    }

    // MARK: Deletion

    @Test
    func `level 0 goes some time after the upload of what covers it, and never the newest`() {
        let level0 = (1...4).map { file($0, $0, at: 1) }
        let snapshot = [file(1, 4, at: 1)]
        let levels = [0: level0, 1: [file(1, 3, at: 1, uploaded: 1000)], 9: snapshot]
        #expect(next(levels, now: 1599) == nil)
        #expect(next(levels, now: 1600) == .delete(level: 0, Array(level0[..<3])))
        let all = [0: level0, 1: [file(1, 4, at: 1, uploaded: 1000)], 9: snapshot]
        #expect(next(all, now: 1600) == .delete(level: 0, Array(level0[..<3])))
        let two = [0: level0, 1: [file(1, 2, at: 1, uploaded: 1000), file(3, 4, at: 1, uploaded: 1100)], 9: snapshot]
        #expect(next(two, now: 1600) == .delete(level: 0, Array(level0[..<2])))
        #expect(next([0: level0, 9: snapshot], now: 99999) == nil, "a snapshot alone would take the steps in between")
    }

    @Test
    func `the time of the store counts, not the local one`() {
        let planner = LevelPlanner(Self.policy)
        let level0 = (1...2).map { file($0, $0, at: 1) }
        var state = state([0: level0, 1: [file(1, 1, at: 1, uploaded: 1000)], 9: [file(1, 2, at: 1)]])
        state.noteStoreTime(1_599_000)
        #expect(planner.next(state, nowMilliseconds: 99_999_000) == nil)
        state.noteStoreTime(1_600_000)
        #expect(planner.next(state, nowMilliseconds: 0)?.work == .delete(level: 0, [level0[0]]))
        state.level0CheckedMilliseconds = 1_590_000
        #expect(planner.next(state, nowMilliseconds: 0) == nil, "it was looked through just now")
    }

    @Test
    func `no setting lets names become free before the writers allow it`() {
        var policy = LevelPolicy.service
        policy.level0Retention = .seconds(1)
        policy.intervals = [.seconds(30)]
        let level0 = (1...2).map { file($0, $0, at: 1) }
        let levels = [0: level0, 1: [file(1, 1, at: 1, uploaded: 1000)], 9: [file(1, 2, at: 1)]]
        #expect(next(levels, policy: policy, now: 4599) == nil)
        #expect(next(levels, policy: policy, now: 4600) == .delete(level: 0, [level0[0]]))
    }

    @Test
    func `old snapshots go after the level files that only they need, and the newest stays`() {
        let snapshots = [
            file(1, 2, at: 0, uploaded: 0), file(1, 4, at: 0, uploaded: 100), file(1, 6, at: 0, uploaded: 200),
        ]
        let level1 = (1...6).map { file($0, $0, at: 1) }
        let level2 = [file(1, 3, at: 1), file(4, 5, at: 1)]
        var levels = [0: [file(6, 6, at: 1)], 1: level1, 2: level2, 9: snapshots]
        #expect(next(levels, now: 7199) == nil)
        // Only what is before the last one that goes.
        #expect(next(levels, now: 7300) == .delete(level: 1, Array(level1[..<3])))
        levels[1]?.removeFirst(3)
        #expect(next(levels, now: 7300) == .delete(level: 2, [level2[0]]))
        levels[2]?.removeFirst()
        #expect(next(levels, now: 7300) == .delete(level: 9, Array(snapshots[..<2])))
        #expect(next([0: [file(6, 6, at: 1)], 1: [level1[5]], 9: [snapshots[2]]], now: 99999) == nil)
        // The newest of a level stays, whatever it is.
        #expect(
            next([0: [file(6, 6, at: 1)], 1: [level1[0]], 9: snapshots], now: 7200) == .delete(level: 9, [snapshots[0]])
        )
    }

    @Test
    func `without retention nothing is deleted`() {
        var policy = Self.policy
        policy.isRetentionEnabled = false
        let level0 = (1...2).map { file($0, $0, at: 1) }
        let snapshots = [file(1, 1, at: 0), file(1, 2, at: 0)]
        #expect(next([0: level0, 1: [file(1, 1, at: 1)], 9: snapshots], policy: policy, now: 999_999) == nil)
    }

    /// From all orders of knowing, the same files.
    @Test(arguments: 0..<20)
    func `who looks often and who looks once make the same files`(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var seconds: Int64 = 0
        let log = (1...300).map { (txid: UInt64) -> LevelFile in
            seconds += Int64.random(in: 0...20, using: &generator)
            return file(txid, txid, at: seconds)
        }
        let often = made(log) { _ in true }
        let once = made(log) { $0 == log.count }
        let now = made(log) { _ in Bool.random(using: &generator) || Bool.random(using: &generator) }
        for level in 1...2 {
            #expect(once.levels[level].count > 3)
            #expect(Array(often.levels[level]) == once.levels[level])
            #expect(now.levels[level] == once.levels[level].prefix(now.levels[level].count).map { $0 })
        }
    }

    /// The state after all compactions of a log, by someone who looks after some of its files.
    private func made(_ log: [LevelFile], looks: (Int) -> Bool) -> LevelState {
        var state = state([9: [file(1, 1, at: 0)]])
        let planner = LevelPlanner(Self.policy)
        for (index, written) in log.enumerated() {
            state.add(written, level: 0)
            guard looks(index + 1) else { continue }
            let other: Set<LevelWork.Kind> = [.snapshot, .delete(level: 0), .delete(level: 9)]
            while case .compact(let level, let files)? = planner.next(state, nowMilliseconds: 0, blocked: other)?.work {
                let (first, last) = (files[0], files[files.count - 1])
                let made = LevelFile(
                    minTXID: first.minTXID,
                    maxTXID: last.maxTXID,
                    size: 1,
                    uploadedMilliseconds: 0,
                    facts: last.facts
                )
                state.add(made, level: level)
            }
        }
        return state
    }
}
