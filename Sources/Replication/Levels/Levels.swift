package import LTX
package import ObjectStore
internal import Synchronization

/// Keeps a replica small and quick to restore: compacts its levels, takes snapshots, removes what is not needed.
///
/// Nothing depends on it for correctness, and it may stop anywhere. It makes requests only in ``runDue()``, and there is
/// something to do only after something was written: an idle service makes none. What is in the store it learns from one
/// listing, and from then on from what it is told and does itself.
package final class Levels: Sendable {
    /// What happened, for logs and metrics.
    package enum Event: Sendable {
        case compacted(level: Int, minTXID: TXID, maxTXID: TXID, byteCount: Int)
        case snapshotTaken(TXID, byteCount: Int)
        case deleted(level: Int, fileCount: Int)
        /// It is tried again after this time, if there is still need.
        case failed(LevelWork.Kind, LevelError, retryIn: Duration)
    }

    package struct Limits: Sendable {
        /// How much is kept in memory of what is yet to be compacted.
        package var cacheBytes = 16 << 20
        /// Up to this size, a file is made in memory and created; larger ones are put piece by piece.
        package var createBytesMax = 8 << 20
        /// How many requests run side by side.
        package var parallelism = 4
        /// The wait before a failed step is tried again; it doubles from time to time.
        package var retryBase = Duration.seconds(1)
        package var retryMax = Duration.seconds(300)

        package init() {}
    }

    /// Takes a snapshot at the newest durable transaction; nil if that cannot be done at this moment.
    package typealias SnapshotTaker = @Sendable () async throws -> Snapshot?

    struct Backoff {
        var failureCount: Int
        var until: Duration
    }

    struct Machine {
        var state = LevelState()
        var cache: FileCache
        /// Whether the store was listed.
        var isListed = false
        /// The restore points; nil until the first snapshot goes.
        ///
        /// Those that others record later are for a later process.
        var points: [RestorePoints.Point]?
        /// Whether a listing was made because of a hole, and nothing was done since.
        var hasListedForHole = false
        var isRunning = false
        /// Whether something was written since it was last found that there is nothing to do.
        var hasNews = false
        var backoffs: [LevelWork.Kind: Backoff] = [:]
    }

    let store: any ObjectStore
    let layout: ReplicaLayout
    let planner: LevelPlanner
    let limits: Limits
    let takeSnapshot: SnapshotTaker
    let clock: StoreClock
    let report: @Sendable (Event) -> Void
    let machine: Mutex<Machine>

    package init(
        _ store: any ObjectStore,
        _ layout: ReplicaLayout,
        _ policy: LevelPolicy,
        limits: Limits = Limits(),
        clock: StoreClock = .system,
        snapshots takeSnapshot: @escaping SnapshotTaker,
        report: @escaping @Sendable (Event) -> Void
    ) {
        (self.store, self.layout, self.limits, self.clock) = (store, layout, limits, clock)
        (self.takeSnapshot, self.report) = (takeSnapshot, report)
        planner = LevelPlanner(policy)
        machine = Mutex(Machine(cache: FileCache(byteCountMax: limits.cacheBytes)))
    }

    // MARK: What it is told

    /// Takes note of a level-0 file that is in the store, whoever wrote it; in the order of the log.
    ///
    /// Costs little, and can be called on any thread.
    ///
    /// - Parameters:
    ///   - header: Its header.
    ///   - position: Where it ends.
    ///   - bytes: The file.
    ///   - storeTime: When the store created it, if it said so.
    /// - Returns: Whether ``runDue()`` may have something to do.
    @discardableResult
    package func note(_ header: Header, _ position: Position, _ bytes: [UInt8], storeTime: StoreTime?) -> Bool {
        let facts = LevelFile.Facts(
            timestampMilliseconds: header.timestampMilliseconds,
            predecessor: header.linkedChecksum,
            end: position.fileChecksum
        )
        let file = LevelFile(
            minTXID: header.minTXID,
            maxTXID: header.maxTXID,
            size: bytes.count,
            uploadedMilliseconds: storeTime?.unixMilliseconds ?? clock.now().unixMilliseconds,
            facts: facts
        )
        let key = layout.key(level: 0, min: header.minTXID, max: header.maxTXID)
        return machine.withLock { machine in
            let last = machine.state.levels[0].last?.facts
            machine.state.add(file, level: 0)
            machine.state.noteStoreTime(storeTime?.unixMilliseconds)
            machine.cache.add(bytes, key)
            if planner.isTurn(from: last, to: facts) { machine.hasNews = true }
            return machine.hasNews
        }
    }

    /// Saves the listing: takes over one that was made when the process started, before anything was written.
    package func learn(_ listing: ReplicaListing) {
        machine.withLock { $0.adopt(LevelState(listing)) }
    }

    /// Whether it is known what the replica held when this began.
    package var isListed: Bool { machine.withLock { $0.isListed } }

    /// What the replica holds, as far as that is known here.
    package var summary: ReplicaSummary { ReplicaSummary(machine.withLock { $0.state }) }

    // MARK: Running

    /// Does what is due, step by step, until nothing is; cancelling its task ends it soon, also in the middle of a step.
    ///
    /// Only one run at a time does anything.
    ///
    /// - Returns: When to call it again even if nothing is written, because something failed; nil if there is no need.
    @discardableResult
    package func runDue() async -> Duration? {
        let begins = machine.withLock { machine in
            guard !machine.isRunning, machine.hasNews else { return false }
            machine.isRunning = true
            return true
        }
        guard begins else { return nextTry }
        defer { machine.withLock { $0.isRunning = false } }
        while !Task.isCancelled {
            guard let (kind, work) = takeNext() else { break }
            do throws(LevelError) {
                try await perform(work)
                machine.withLock { $0.succeeded(kind, work) }
            } catch {
                if case .cancelled = error { break }
                if Task.isCancelled { break }
                fail(kind, error)
            }
        }
        return nextTry
    }

    private func takeNext() -> (kind: LevelWork.Kind, work: LevelWork)? {
        let (now, elapsed) = (clock.now().unixMilliseconds, clock.elapsed())
        return machine.withLock { machine in
            let blocked = Set(machine.backoffs.filter { $0.value.until > elapsed }.keys)
            guard machine.isListed || blocked.contains(.list) else { return (.list, .list) }
            let next = machine.isListed ? planner.next(machine.state, nowMilliseconds: now, blocked: blocked) : nil
            if next == nil {
                // What failed and is not needed any more.
                machine.backoffs = machine.backoffs.filter { blocked.contains($0.key) }
                if machine.backoffs.isEmpty { machine.hasNews = false }
            }
            return next
        }
    }

    private var nextTry: Duration? {
        let elapsed = clock.elapsed()
        return machine.withLock { $0.backoffs.values.map(\.until).min() }.map { max(.zero, $0 - elapsed) }
    }

    private func fail(_ kind: LevelWork.Kind, _ error: LevelError) {
        let elapsed = clock.elapsed()
        let chance = clock.random()
        let wait = machine.withLock { machine in
            let count = (machine.backoffs[kind]?.failureCount ?? 0) + 1
            let longest = min(limits.retryMax, limits.retryBase * (1 << min(count - 1, 20)))
            let wait = longest * (0.5 + chance / 2)
            machine.backoffs[kind] = Backoff(failureCount: count, until: elapsed + wait)
            // Somebody else changes the replica: what is known of it is not true any more.
            if case .vanished = error { machine.isListed = false }
            return wait
        }
        report(.failed(kind, error, retryIn: wait))
    }
}

extension Levels.Machine {
    mutating func adopt(_ listed: LevelState) {
        var listed = listed
        listed.adopt(state)
        listed.level0CheckedMilliseconds = state.level0CheckedMilliseconds
        state = listed
        isListed = true
    }

    mutating func succeeded(_ kind: LevelWork.Kind, _ work: LevelWork) {
        backoffs[kind] = nil
        if work != .list { hasListedForHole = false }
    }
}
