import App
import FoundationEssentials
import HTTPClient
import LitestreamConfiguration
import ObjectStore
import Replication
import Threads

/// The replicators of all databases, started and ended together.
final class ReplicatorFleet: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var isDraining = false
        var hasEnded = false
        /// Why a database is not replicated at all.
        var failure: String?
        var failingSince: MonotonicTime?
    }

    private let replicators: [DatabaseReplicator]
    private let log: ReplicationLog
    private let state = Monitor(State(), conditions: 1)

    init(
        _ plans: [ReplicateCommand.Plan],
        _ log: ReplicationLog,
        _ counters: ReplicationCounters,
        policy: (LitestreamConfiguration.Replica) -> LevelPolicy
    ) throws {
        let variables = ProcessInfo.processInfo.environment
        let environment = StoreEnvironment(variables: variables, http: HTTPClient(bundle: .find(variables)))
        self.log = log
        replicators = try plans.map { plan in
            let path = plan.settings.path
            let replicas = try plan.replicas.map { replica in
                var settings = ReplicaSettings(
                    name: replica.name,
                    store: counters.counting(
                        try replica.settings.open(environment),
                        type: replica.settings.kind.rawValue
                    ),
                    layout: ReplicaLayout(replica.settings)
                )
                settings.policy = policy(replica)
                settings.syncInterval = replica.syncInterval ?? settings.syncInterval
                return settings
            }
            for replica in replicas { log.replicating(path, to: replica) }
            let replicator = DatabaseReplicator(
                plan.settings,
                replicas,
                report: { event in
                    log.tail(path, event)
                    counters.note(event, path)
                },
                reportReplica: { log.replica(path, $0, $1) }
            )
            counters.add(replicator, path)
            return replicator
        }
    }

    /// How all databases are now.
    var statuses: [DatabaseStatus] { replicators.map(\.status) }

    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Begins to replicate; `ended` is called when nothing is replicated any more.
    func start(ended: @escaping @Sendable () -> Void) {
        let task = Task.detached { [self] in
            await withTaskGroup { group in
                for replicator in replicators { group.addTask { await self.run(replicator) } }
            }
            state.withLock { $0.hasEnded = true }
            state.signal(0)
            ended()
        }
        state.withLock { $0.task = task }
    }

    private func run(_ replicator: DatabaseReplicator) async {
        do throws(TailError) { try await replicator.run() } catch {
            let path = replicator.status.path
            log.failed(path, error)
            state.withLock { $0.failure = "\(path): \(error)" }
        }
    }

    /// Lets everything be uploaded that is committed now; then the replicators end.
    func drain(finishesDueWork: Bool = false) {
        state.withLock { $0.isDraining = true }
        for replicator in replicators { replicator.drain(finishesDueWork: finishesDueWork) }
    }

    /// Waits until all have ended, and cuts off who takes longer.
    ///
    /// - Returns: Whether everything is in every replica.
    @discardableResult
    func end(within limit: Duration) -> Bool {
        let deadline = MonotonicTime.now.advanced(by: limit)
        waitForEnd(until: deadline)
        state.withLock { $0.task }?.cancel()
        waitForEnd(until: MonotonicTime.now.advanced(by: .seconds(2)))
        let failure = state.withLock { $0.failure }
        return failure == nil && statuses.allSatisfy(isUpToDate)
    }

    /// Cuts off who takes longer than the limit, and returns at once.
    func endLater(within limit: Duration) {
        WorkerThread(named: "shutdown") { [self] in end(within: limit) }.detach()
    }

    /// Whether some replica has not been reached for so long; to be asked now and then.
    func isFailing(for limit: Duration) -> Bool {
        let isFailing = statuses.contains { status in
            status.problem != nil || status.replicas.contains { $0.status.health == .failing }
        }
        return state.withLock { state in
            guard isFailing else {
                state.failingSince = nil
                return false
            }
            let since = state.failingSince ?? .now
            state.failingSince = since
            return since.advanced(by: limit) < .now
        }
    }

    private func isUpToDate(_ status: DatabaseStatus) -> Bool {
        status.problem == nil
            && status.replicas.allSatisfy { $0.status.health == .ok && ($0.status.sequence ?? 0) >= status.sequence }
    }

    private func waitForEnd(until deadline: MonotonicTime) {
        state.wait(for: 0, until: { _ in deadline }) { state -> Void? in
            state.hasEnded || MonotonicTime.now >= deadline ? () : nil
        }
    }
}
