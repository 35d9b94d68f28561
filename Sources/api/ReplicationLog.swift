import Logging
import ObjectStore
import Replication

/// What happens in replication, as log lines with Litestream's words where it has them.
struct ReplicationLog: Sendable {
    private let logger: Logger

    init(_ logger: Logger) { self.logger = logger }

    func replicating(_ path: String, to replica: ReplicaSettings) {
        logger.log(.info, "replicating to") {
            $0.add("db", path)
            $0.add("name", replica.name)
            $0.add("replica", replica.store.name)
        }
    }

    func failed(_ path: String, _ error: TailError) {
        logger.log(.error, "database cannot be replicated") {
            $0.add("db", path)
            $0.add("error", "\(error)")
        }
    }

    func tail(_ path: String, _ event: TailEvent) {
        switch event {
        case .following(let pageSize):
            logger.log(.info, "initialized db") {
                $0.add("db", path)
                $0.add("page_size", Int64(pageSize))
            }
        case .failed(.missing):
            logger.log(.info, "waiting for the database") { $0.add("db", path) }
        case .failed(let error):
            logger.log(.error, "sync error") {
                $0.add("db", path)
                $0.add("error", "\(error)")
            }
        case .doubt(let reason):
            logger.log(.warning, "full file needed") {
                $0.add("db", path)
                $0.add("reason", reason)
            }
        case .taken(let transactionCount, let logBytes, let seconds):
            logger.log(.debug, "sync") {
                $0.add("db", path)
                $0.add("transactions", Int64(transactionCount))
                $0.add("wal_bytes", Int64(logBytes))
                $0.add("ms", nanoseconds: Int64(seconds * 1e9))
            }
        case .checkpoint(let isComplete, let seconds):
            logger.log(.debug, "checkpoint") {
                $0.add("db", path)
                $0.add("complete", isComplete ? "true" : "false")
                $0.add("ms", nanoseconds: Int64(seconds * 1e9))
            }
        case .checkpointFailed(let error):
            logger.log(.warning, "checkpoint error") {
                $0.add("db", path)
                $0.add("error", "\(error)")
            }
        }
    }

    func replica(_ path: String, _ name: String, _ event: ReplicaEvent) {
        switch event {
        case .opened(let txid, let isOurs):
            logger.log(.info, isOurs ? "replica opened" : "replica taken over") {
                $0.add("db", path)
                $0.add("replica", name)
                $0.add("txid", "\(txid)")
            }
        case .uploaded(let txid, let byteCount, let isFull, let seconds):
            logger.log(isFull ? .info : .debug, isFull ? "full file written" : "ltx file written") {
                $0.add("db", path)
                $0.add("replica", name)
                $0.add("txid", "\(txid)")
                $0.add("bytes", Int64(byteCount))
                $0.add("ms", nanoseconds: Int64(seconds * 1e9))
            }
        case .levels(let event): levels(path, name, event)
        case .failed(let reason):
            logger.log(.error, "sync error") {
                $0.add("db", path)
                $0.add("replica", name)
                $0.add("error", reason)
            }
        case .stopped(let reason):
            logger.log(.error, "replica stopped") {
                $0.add("db", path)
                $0.add("replica", name)
                $0.add("error", reason)
            }
        }
    }

    private func levels(_ path: String, _ name: String, _ event: Levels.Event) {
        switch event {
        case .compacted(let level, let minTXID, let maxTXID, let byteCount):
            logger.log(.info, "compaction complete") {
                $0.add("db", path)
                $0.add("replica", name)
                $0.add("level", Int64(level))
                $0.add("min_txid", "\(minTXID)")
                $0.add("max_txid", "\(maxTXID)")
                $0.add("bytes", Int64(byteCount))
            }
        case .snapshotTaken(let txid, let byteCount):
            logger.log(.info, "snapshot written") {
                $0.add("db", path)
                $0.add("replica", name)
                $0.add("txid", "\(txid)")
                $0.add("bytes", Int64(byteCount))
            }
        case .deleted(let level, let fileCount):
            logger.log(.debug, "ltx files deleted") {
                $0.add("db", path)
                $0.add("replica", name)
                $0.add("level", Int64(level))
                $0.add("count", Int64(fileCount))
            }
        case .failed(_, let error, let wait):
            logger.log(.warning, "compaction error") {
                $0.add("db", path)
                $0.add("replica", name)
                $0.add("error", "\(error)")
                $0.add("retry_seconds", Int64(wait / .seconds(1)))
            }
        }
    }
}
