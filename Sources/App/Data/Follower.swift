import LTX
import Logging
import Metrics
import Replication

/// A further replica of the service's database, with levels of its own.
struct Follower: Sendable {
    let store: ReplicaStore
    let upkeep: Upkeep
    private let replica: FollowingReplica
    private let task: Task<Void, Never>

    init(
        _ own: ReplicaStore,
        of source: ReplicaStore,
        _ sourceLayout: ReplicaLayout,
        _ snapshots: SnapshotSource,
        _ registry: Registry,
        _ logger: Logger
    ) {
        let metrics = ReplicationMetrics(registry, replica: own.name)
        let upkeep = Upkeep(own, own.layout, of: snapshots, metrics, logger)
        let replica = FollowingReplica(own.name, own.store, own.layout, following: source.store, sourceLayout) {
            position,
            bytes in
            guard let header = try? Header(bytes.span) else { preconditionFailure("copied without a header") }
            metrics.durableTXID.set(Double(position.txid.rawValue))
            upkeep.note(LoggedFile(header: header, position: position, bytes: bytes))
        }
        registry.gauge(
            "holdfast_replication_follower_lag_seconds",
            "For how long a further replica has lacked something.",
            [Label("replica", own.name)]
        ) { replica.lag / .seconds(1) }
        (store, self.replica, self.upkeep) = (own, replica, upkeep)
        task = Task.detached {
            await replica.run { problem in
                logger.log(.warning, "a replica does not follow") { $0.add("error", problem) }
            }
        }
    }

    /// Hands over a file that the log has.
    func offer(_ file: LoggedFile) { replica.offer(file.position, file.bytes) }

    var status: FollowingReplica.Status { replica.status }
    /// For how long something has been missing.
    var lag: Duration { replica.lag }

    /// Has its compactions and snapshots end soon.
    func cancelUpkeep() { upkeep.cancel() }

    /// Lets it get what it lacks, though not for longer than `limit`.
    func stop(within limit: Duration) async {
        await upkeep.stop()
        replica.finish()
        await withTaskGroup { group in
            group.addTask { await task.value }
            group.addTask {
                // Cancelled when the other has finished before.
                try? await Task.sleep(for: limit)
                task.cancel()
            }
            await group.next()
            group.cancelAll()
        }
    }
}
