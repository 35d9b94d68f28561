import Files
import FoundationEssentials
import LTX
import Logging
import Metrics
import ObjectStore
import Replication

/// Runs a replica's levels whenever something was written that makes work for them.
///
/// Nothing waits for it, and it may be ended at any moment.
struct Upkeep: Sendable {
    private let levels: Levels
    private let news: AsyncStream<Void>.Continuation
    private let task: Task<Void, Never>

    /// The upkeep of one replica; `didTakeSnapshot` hears the key of each snapshot that is there.
    init(
        _ replica: ReplicaStore,
        _ layout: ReplicaLayout,
        of source: SnapshotSource,
        _ metrics: ReplicationMetrics,
        _ logger: Logger,
        didTakeSnapshot: @escaping @Sendable (_ key: String) -> Void = { _ in }
    ) {
        let queue = BlockingQueue(label: "snapshot")
        let levels = Levels(replica.store, layout, .service) {
            try await queue.run { () throws(any Error) in try source.take() }
        } report: { event in
            if case .snapshotTaken(let txid, _) = event {
                metrics.snapshotTime.set(Date().timeIntervalSince1970)
                didTakeSnapshot(layout.key(level: ReplicaLayout.snapshotLevel, min: TXID(rawValue: 1), max: txid))
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

    /// Takes note of a file of level 0 that is in the replica.
    func note(_ file: LoggedFile) {
        guard levels.note(file.header, file.position, file.bytes, storeTime: nil) else { return }
        news.yield()
    }

    /// Saves a listing; see ``Levels/learn(_:)``.
    func learn(_ listing: ReplicaListing) { levels.learn(listing) }

    /// What the replica holds; nil before anybody looked.
    var summary: ReplicaSummary? { levels.isListed ? levels.summary : nil }

    /// Has what is under way end soon.
    func cancel() {
        task.cancel()
        news.finish()
    }

    /// Ends what is under way.
    func stop() async {
        cancel()
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
