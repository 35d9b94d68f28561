internal import LTX
package import ObjectStore
internal import Threads

/// Replicates one database that other programs write: a thread that follows it, and a task for each replica.
package final class DatabaseReplicator: TrackSource {
    package struct Settings: Sendable {
        /// The database, absolute.
        package var path: String
        /// Where the state of its replication is kept; nil for a folder beside it.
        package var folder: String?
        package var monitorInterval = Duration.seconds(1)
        package var checkpointInterval = Duration.seconds(60)
        package var checkpointPages = 1000
        package var truncatePages = 121_359
        package var busyTimeout = Duration.seconds(1)
        package var logBytesMax = 64 << 20

        package init(path: String) { self.path = path }

        /// Where the state is kept.
        package var stateFolder: String {
            if let folder { return folder }
            let name = path.split(separator: "/").last ?? ""
            return "\(path.dropLast(name.count)).\(name)-holdfast"
        }
    }

    private enum Request {
        case fullFile(TXID, path: String, CheckedContinuation<Result<FullFile, TailError>, Never>)
        case image(CheckedContinuation<Result<PinnedImage, TailError>, Never>)

        func fail(_ error: TailError) {
            switch self {
            case .fullFile(_, _, let continuation): continuation.resume(returning: .failure(error))
            case .image(let continuation): continuation.resume(returning: .failure(error))
            }
        }
    }

    private struct State {
        var requests: [Request] = []
        /// The first look is due at once.
        var nextLook = MonotonicTime.now
        var isDraining = false
        var finishesDueWork = false
        var isEnding = false
        var hasNews = false
        var lineage: UInt64 = 0
        var sequence: UInt64 = 0
        var entries: [Staging.Entry] = []
        /// What the replicas are to have in the end.
        var drainTo: UInt64?
        var problem: String?
        var hasEnded = false
    }

    private let settings: Settings
    private let tracks: [ReplicaTrack]
    private let clock: StoreClock
    private let state = Monitor(State(), conditions: 2)
    private let report: @Sendable (TailEvent) -> Void
    private static let hasWork = 0
    private static let hasEnded = 1

    package init(
        _ settings: Settings,
        _ replicas: [ReplicaSettings],
        clock: StoreClock = .system,
        report: @escaping @Sendable (TailEvent) -> Void,
        reportReplica: @escaping @Sendable (_ name: String, ReplicaEvent) -> Void
    ) {
        self.settings = settings
        self.clock = clock
        self.report = report
        let folder = settings.stateFolder
        tracks = replicas.map { replica in
            ReplicaTrack(replica, folder: folder, stagingFolder: "\(folder)/staged", clock: clock) { event in
                reportReplica(replica.name, event)
            }
        }
        let soonest = replicas.map(\.syncInterval).min() ?? .zero
        interval = max(settings.monitorInterval, soonest)
    }

    private let interval: Duration

    /// Takes the database's state and begins to follow it.
    package func run() async throws(TailError) {
        let (settings, clock, report) = (settings, clock, report)
        // Made here so that what makes it impossible is told to the caller.
        var tailSettings = DatabaseTail.Settings(path: settings.path, folder: settings.stateFolder)
        tailSettings.logBytesMax = settings.logBytesMax
        tailSettings.checkpointPages = settings.checkpointPages
        tailSettings.truncatePages = settings.truncatePages
        tailSettings.checkpointInterval = settings.checkpointInterval
        tailSettings.busyTimeout = settings.busyTimeout
        let started = Monitor<Result<Void, TailError>?>(nil, conditions: 1)
        let copy = tailSettings
        WorkerThread(named: "tail") { [self] in
            do throws(TailError) {
                let tail = try DatabaseTail(copy, now: { clock.now().unixMilliseconds }, report: report)
                state.withLock { $0.lineage = tail.lineage }
                started.withLock { $0 = .success(()) }
                started.signal(0)
                follow(tail)
            } catch {
                started.withLock { $0 = .failure(error) }
                started.signal(0)
            }
            state.withLock { $0.hasEnded = true }
            state.signal(Self.hasEnded)
        }.detach()
        try started.wait(for: 0) { $0 }.get()
        await withTaskGroup { group in
            for track in tracks { group.addTask { await track.run(self) } }
        }
        state.withLock { $0.isEnding = true }
        state.signal(Self.hasWork)
        state.wait(for: Self.hasEnded) { $0.hasEnded ? () : nil }
    }

    /// Looks at the database once more; `run` returns when the replicas have what was found.
    ///
    /// - Parameter finishesDueWork: Whether to compact what is due, too.
    package func drain(finishesDueWork: Bool = false) {
        state.withLock { state in
            (state.isDraining, state.hasNews) = (true, true)
            state.finishesDueWork = finishesDueWork
        }
        state.signal(Self.hasWork)
    }

    /// How it is now.
    package var status: DatabaseStatus {
        let (sequence, entries, problem) = state.withLock { ($0.sequence, $0.entries, $0.problem) }
        let now = clock.now().unixMilliseconds
        var status = DatabaseStatus(path: settings.path)
        (status.sequence, status.problem) = (sequence, problem)
        status.stagedBytes = entries.reduce(0) { $0 + $1.byteCount }
        status.replicas = tracks.map { track in
            let replica = track.status
            let missing = entries.filter { $0.sequence > replica.sequence ?? 0 }
            let isBehind = sequence > replica.sequence ?? 0
            // What is no longer staged is at least as old as what we last had confirmed.
            let since = missing.first?.timestampMilliseconds ?? replica.confirmedAtMilliseconds ?? now
            let lag = DatabaseStatus.Lag(
                milliseconds: isBehind ? max(0, now - since) : 0,
                bytes: missing.reduce(0) { $0 + $1.byteCount }
            )
            return (track.name, replica, lag)
        }
        return status
    }

    // MARK: For the tracks

    var lineage: UInt64 { state.withLock { $0.lineage } }

    func published() -> (sequence: UInt64, entries: [Staging.Entry], drainTo: UInt64?) {
        state.withLock { ($0.sequence, $0.entries, $0.drainTo) }
    }

    func fullFile(_ txid: TXID, to path: String) async throws(TailError) -> FullFile {
        try await withCheckedContinuation { ask(.fullFile(txid, path: path, $0)) }.get()
    }

    func pinnedImage() async throws(TailError) -> PinnedImage {
        try await withCheckedContinuation { ask(.image($0)) }.get()
    }

    var finishesDueWork: Bool { state.withLock { $0.finishesDueWork } }

    private func ask(_ request: Request) {
        let isEnding = state.withLock { state in
            if !state.isEnding { state.requests.append(request) }
            return state.isEnding
        }
        guard !isEnding else { return request.fail(.missing) }
        state.signal(Self.hasWork)
    }

    func noteApplied() {
        state.withLock { $0.hasNews = true }
        state.signal(Self.hasWork)
    }

    // MARK: The thread

    private func follow(_ tail: DatabaseTail) {
        var isLastLookDone = false
        while true {
            let (requests, isLook, isDraining, isEnding) = state.wait(
                for: Self.hasWork,
                until: { $0.isDraining ? nil : $0.nextLook }
            ) { state -> ([Request], Bool, Bool, Bool)? in
                let isLook = !state.isDraining && MonotonicTime.now >= state.nextLook
                guard isLook || state.hasNews || state.isEnding || !state.requests.isEmpty else { return nil }
                defer { (state.requests, state.hasNews) = ([], false) }
                if isLook { state.nextLook = MonotonicTime.now.advanced(by: interval) }
                return (state.requests, isLook, state.isDraining, state.isEnding)
            }
            if isLook || isDraining && !isLastLookDone { look(tail, checkpoints: !isDraining) }
            for request in requests { answer(request, tail) }
            trim(tail)
            publish(tail, isDrained: isDraining)
            isLastLookDone = isLastLookDone || isDraining
            if isEnding { return }
        }
    }

    private func look(_ tail: DatabaseTail, checkpoints: Bool) {
        do throws(TailError) {
            try tail.look()
            if checkpoints { try tail.checkpointIfDue() }
            state.withLock { $0.problem = nil }
        } catch {
            let isNew = state.withLock { state in
                defer { state.problem = "\(error)" }
                return state.problem != "\(error)"
            }
            // The same each second would hide everything else.
            if isNew { report(.failed(error)) }
        }
    }

    private func answer(_ request: Request, _ tail: DatabaseTail) {
        do throws(TailError) {
            switch request {
            case .fullFile(let txid, let path, let continuation):
                continuation.resume(returning: .success(try tail.writeFullFile(to: path, txid: txid)))
            case .image(let continuation):
                continuation.resume(returning: .success(try tail.pinnedImage()))
            }
        } catch {
            request.fail(error)
        }
    }

    private func trim(_ tail: DatabaseTail) {
        let statuses = tracks.map(\.status).filter { $0.health != .stopped }
        guard let least = statuses.map({ $0.sequence ?? 0 }).min() else { return }
        do throws(TailError) { try tail.forget(upTo: least) } catch { report(.failed(error)) }
    }

    private func publish(_ tail: DatabaseTail, isDrained: Bool) {
        let hasChanged = state.withLock { state in
            let drainTo = isDrained ? state.drainTo ?? tail.sequence : nil
            defer { (state.sequence, state.entries, state.drainTo) = (tail.sequence, tail.staging.entries, drainTo) }
            return state.sequence != tail.sequence || state.drainTo != drainTo
        }
        if hasChanged { for track in tracks { track.ring() } }
    }
}
