import Files
import FoundationEssentials
import LTX
import Logging
import Metrics
import ObjectStore
import Replication
import SQLite

/// Runs a replica's levels whenever something was written that makes work for them.
///
/// Nothing waits for it, and it may be ended at any moment.
struct Upkeep: Sendable {
    private let levels: Levels
    private let news: AsyncStream<Void>.Continuation
    private let task: Task<Void, Never>

    /// The upkeep of one replica of `database`, which stands where `log` does.
    init(
        _ replica: ReplicaStore,
        _ layout: ReplicaLayout,
        of database: Database,
        at path: String,
        _ log: FencedLog,
        _ metrics: ReplicationMetrics,
        _ logger: Logger
    ) {
        let queue = BlockingQueue(label: "snapshot")
        let levels = Levels(replica.store, layout, .service) {
            try await queue.run { () throws(any Error) in try Self.snapshot(of: database, at: path, log) }
        } report: { event in
            if case .snapshotTaken(let txid, _) = event {
                metrics.snapshotTime.set(Date().timeIntervalSince1970)
                log.noteBase(layout.key(level: ReplicaLayout.snapshotLevel, min: TXID(rawValue: 1), max: txid))
            }
            logger.log(event, replica: replica.name)
        }
        self.levels = levels
        // One is enough: a run does all that is due.
        let (stream, news) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.news = news
        task = Task.detached(priority: .low) {
            for await _ in stream {
                while let pause = await levels.runDue(), !Task.isCancelled {
                    // Cancelled, the loop sees it by itself.
                    try? await Task.sleep(for: pause)
                }
            }
        }
    }

    /// Pins the database between two batches, where what can be seen is what the log has.
    private static func snapshot(of database: Database, at path: String, _ log: FencedLog) throws -> Snapshot? {
        try database.exclusively { _, _ in
            guard let tip = log.tip else { return nil }
            let hold = try database.holdFile()
            return try Snapshot(
                of: try PageImage(path),
                at: tip.position,
                timestampMilliseconds: tip.timestampMilliseconds,
                isUnwanted: { hold.isWanted }
            )
        }
    }

    /// Takes note of a file of level 0 that is in the replica.
    func note(_ file: LoggedFile) {
        guard levels.note(file.header, file.position, file.bytes, storeTime: nil) else { return }
        news.yield()
    }

    var summary: ReplicaSummary { levels.summary }

    /// Ends what is under way.
    func stop() async {
        task.cancel()
        news.finish()
        await task.value
    }
}

extension Logger {
    /// Tells what was done for a replica's levels.
    func log(_ event: Levels.Event, replica: String) {
        switch event {
        case .compacted(let level, let first, let last, let byteCount):
            log(.debug, "compacted") { fields in
                fields.add("replica", replica)
                fields.add("level", Int64(level))
                fields.add("txids", "\(first)-\(last)")
                fields.add("bytes", Int64(byteCount))
            }
        case .snapshotTaken(let txid, let byteCount):
            log(.info, "snapshot taken") { fields in
                fields.add("replica", replica)
                fields.add("txid", "\(txid)")
                fields.add("bytes", Int64(byteCount))
            }
        case .deleted(let level, let count):
            log(.debug, "files removed that others cover") { fields in
                fields.add("replica", replica)
                fields.add("level", Int64(level))
                fields.add("count", Int64(count))
            }
        case .failed(let kind, let error, let pause):
            log(.warning, "upkeep of the replica failed") { fields in
                fields.add("replica", replica)
                fields.add("work", "\(kind)")
                fields.add("error", "\(error)")
                fields.add("retry_in", "\(pause)")
            }
        }
    }
}
