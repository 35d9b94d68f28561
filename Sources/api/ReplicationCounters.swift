import LTX
import Metrics
import ObjectStore
import Replication

/// What `api replicate` counts, under Litestream's names where it has them.
final class ReplicationCounters: Sendable {
    let registry = Registry()

    func note(_ event: TailEvent, _ path: String) {
        let labels = [Label("db", path)]
        switch event {
        case .taken(_, let logBytes, let seconds):
            registry.counter("litestream_total_wal_bytes", "Bytes taken from the log.", labels).add(UInt64(logBytes))
            registry.counter("litestream_sync_count", "Looks that found something.", labels).add()
            registry.secondsCounter("litestream_sync_seconds", "Time that these took.", labels).add(.seconds(seconds))
        case .failed:
            registry.counter("litestream_sync_error_count", "Looks that failed.", labels).add()
        case .checkpoint(let isComplete, let seconds):
            let labels = labels + [Label("mode", "PASSIVE")]
            registry.secondsCounter("litestream_checkpoint_seconds", "Time of checkpoints.", labels)
                .add(.seconds(seconds))
            guard isComplete else { return }
            registry.counter("litestream_checkpoint_count", "Checkpoints that moved the whole log.", labels).add()
        case .checkpointFailed:
            let labels = labels + [Label("mode", "PASSIVE")]
            registry.counter("litestream_checkpoint_error_count", "Checkpoints that failed.", labels).add()
        case .doubt:
            registry.counter("holdfast_sidecar_doubt_total", "Times that full files were needed.", labels).add()
        case .following: break
        }
    }

    /// Shows how a database and its replicas are, at each scrape.
    func add(_ replicator: DatabaseReplicator, _ path: String) {
        let labels = [Label("db", path)]
        registry.gauge("litestream_db_size", "Bytes of the database file.", labels) { Self.size(path) }
        registry.gauge("litestream_wal_size", "Bytes of the WAL file.", labels) { Self.size(path + "-wal") }
        for (index, replica) in replicator.status.replicas.enumerated() {
            let labels = labels + [Label("name", replica.name)]
            let status = { @Sendable in replicator.status.replicas[index] }
            registry.gauge("litestream_txid", "The newest transaction of the replica.", labels) {
                Double(status().status.txid.rawValue)
            }
            registry.gauge("holdfast_sidecar_lag_seconds", "How old the oldest missing commit is.", labels) {
                Double(status().lag.milliseconds) / 1000
            }
            registry.gauge("holdfast_sidecar_lag_bytes", "Bytes that are not in the replica.", labels) {
                Double(status().lag.bytes)
            }
            registry.gauge("holdfast_sidecar_up", "1 while the replica can be written.", labels) {
                status().status.health == .ok ? 1 : 0
            }
            registry.counter("holdfast_sidecar_failures_total", "Attempts that failed.", labels) {
                Double(status().status.failureCount)
            }
        }
    }

    /// The same store, with its requests counted.
    func counting(_ store: any ObjectStore, type: String) -> CountedStore {
        CountedStore(store) { [registry] operation, byteCount in
            let labels = [Label("operation", operation), Label("replica_type", type)]
            registry.counter("litestream_replica_operation_total", "Calls to stores.", labels).add()
            registry.counter("litestream_replica_operation_bytes", "Bytes sent and received.", labels)
                .add(UInt64(byteCount))
        }
    }

    private static func size(_ path: String) -> Double? { LocalReplication.size(of: path).map(Double.init) }
}
