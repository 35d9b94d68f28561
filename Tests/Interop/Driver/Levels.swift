import Glibc
import LTX
import ObjectStore
import Replication
import Synchronization

/// Writes the log whose states are `images`, as a service does that compacts it all the while; 25 seconds between two.
func writeLevels(_ images: [String], to replica: String) async throws {
    let clock = SteppedClock()
    let store = FileStore(root: replica, clock: clock.storeClock)
    let newest = Mutex<(path: String, position: Position, time: Int64)?>(nil)
    let levels = Levels(
        store,
        .folder,
        LevelPolicy(
            intervals: [.seconds(30), .seconds(60), .seconds(120)],
            snapshotInterval: .seconds(180),
            snapshotRetention: .seconds(180),
            level0Retention: .seconds(60),
            level0RetentionMin: .zero
        ),
        clock: clock.storeClock,
        snapshots: {
            guard let (path, position, time) = newest.withLock({ $0 }) else { return nil }
            return try Snapshot(of: try PageImage(path), at: position, timestampMilliseconds: time)
        },
        report: { if case .failed(let kind, let error, _) = $0 { fail("\(kind): \(error)") } }
    )
    var pages: [UInt32: [UInt8]] = [:]
    for (index, path) in images.enumerated() {
        clock.step()
        var image = try PageImage(path)
        let txid = TXID(rawValue: UInt64(index) + 1)
        // As every file of the service: it names the one before.
        let before = newest.withLock { $0?.position.fileChecksum.rawValue } ?? 0
        let header = image.header(
            minTXID: txid,
            maxTXID: txid,
            timestampMilliseconds: clock.milliseconds,
            walSalts: (UInt32(before >> 32), UInt32(truncatingIfNeeded: before)),
            nodeID: 7
        )
        var (bytes, page): ([UInt8], [UInt8]) = ([], [])
        var encoder = try Encoder(header, into: &bytes)
        while let number = try image.next(into: &page) {
            guard pages[number] != page else { continue }
            pages[number] = page
            try encoder.append(page: number, page.span, into: &bytes)
        }
        pages = pages.filter { $0.key <= header.commit }
        let position = try encoder.finish(into: &bytes)
        let key = ReplicaLayout.folder.key(level: 0, min: txid, max: txid)
        let time = StoreTime(unixMilliseconds: clock.milliseconds)
        let receipt = try await store.createIfAbsent(key, bytes, timestamp: time)
        newest.withLock { $0 = (path, position, time.unixMilliseconds) }
        levels.note(header, position, bytes, storeTime: receipt.storeTime)
        _ = await levels.runDue()
    }
}

/// Begins some hours ago, at the turn of all intervals.
private final class SteppedClock: Sendable {
    private let now = Mutex(Int64(time(nil)) / 3600 * 3600 - 7200)

    func step() { now.withLock { $0 += 25 } }

    var milliseconds: Int64 { now.withLock { $0 * 1000 } }

    var storeClock: StoreClock {
        StoreClock(
            now: { StoreTime(unixMilliseconds: self.milliseconds) },
            elapsed: { .milliseconds(self.milliseconds) },
            sleep: { _ in },
            random: { 0.5 }
        )
    }
}
