import LTX
import ObjectStore
import Synchronization

@testable import Replication

/// A database that changes, and the level-0 files that a service would write of it.
final class TestLog {
    let database: LiveDatabase
    let store: any ObjectStore
    let time: TestTime
    private(set) var files: [Written] = []
    private var pages: [UInt32: [UInt8]] = [:]

    struct Written {
        let header: Header
        let position: Position
        let bytes: [UInt8]
        let storeTime: StoreTime?
        /// The database file as of then.
        let image: [UInt8]
    }

    init(pageSize: Int = 4096, in store: any ObjectStore, time: TestTime) throws {
        (self.store, self.time) = (store, time)
        database = try LiveDatabase(pageSize: pageSize)
        try database.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    }

    /// Changes the database, and stores what changed as the next transaction, at the present time.
    @discardableResult
    func commit(_ sql: String? = nil) async throws -> Written {
        // Some states are in the log, some in the database, some in both.
        if files.count % 4 == 0 { try database.run("PRAGMA wal_checkpoint(TRUNCATE)") }
        try database.run(sql ?? "INSERT OR REPLACE INTO t VALUES (\(files.count % 20), randomblob(900))")
        let txid = TXID(rawValue: UInt64(files.count) + 1)
        var image = try PageImage(database.path)
        var header = image.header(
            minTXID: txid,
            maxTXID: txid,
            timestampMilliseconds: time.milliseconds,
            nodeID: 7
        )
        header.linkedChecksum = files.last?.position.fileChecksum
        var (bytes, page, whole): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
        var encoder = try Encoder(header, into: &bytes)
        while let number = try image.next(into: &page) {
            whole += page
            guard pages[number] != page else { continue }
            pages[number] = page
            try encoder.append(page: number, page.span, into: &bytes)
        }
        pages = pages.filter { $0.key <= header.commit }
        let position = try encoder.finish(into: &bytes)
        let receipt = try await store.createIfAbsent(ReplicaLayout.folder.key(level: 0, min: txid, max: txid), bytes)
        let written = Written(
            header: header,
            position: position,
            bytes: bytes,
            storeTime: receipt.storeTime,
            image: whole
        )
        files.append(written)
        return written
    }

    /// As the service takes it: everything visible is in the log.
    func snapshot() throws -> Snapshot? {
        guard let last = files.last else { return nil }
        return try Snapshot(
            of: try PageImage(database.path),
            at: last.position,
            timestampMilliseconds: last.header.timestampMilliseconds
        )
    }
}

/// A clock that stands until a test moves it.
final class TestTime: Sendable {
    private let now: Mutex<Int64>

    init(seconds: Int64 = 1_800_000_000) { now = Mutex(seconds * 1000) }

    var milliseconds: Int64 { now.withLock { $0 } }

    func advance(seconds: Int64) { now.withLock { $0 += seconds * 1000 } }

    var clock: StoreClock {
        StoreClock(
            now: { StoreTime(unixMilliseconds: self.milliseconds) },
            elapsed: { .milliseconds(self.milliseconds) },
            sleep: { _ in },
            random: { 0.5 }
        )
    }
}

extension Levels {
    @discardableResult
    func note(_ file: TestLog.Written) -> Bool {
        note(file.header, file.position, file.bytes, storeTime: file.storeTime)
    }
}
