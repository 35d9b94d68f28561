import CSQLite
import Foundation
import LTX
import ObjectStore
import SQLite
import Synchronization
import TestSupport
import Testing
import Threads

@testable import Replication

/// Several writers of one log, each with a file of its own.
@Suite struct CatchUpTests {
    /// Shows `body` two databases on one bucket.
    private func withTwo(
        configure: (inout Database.Configuration) -> Void = { _ in },
        _ body: (_ one: GatedDatabase, _ other: GatedDatabase, _ folder: String) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let bucket = FakeBucket()
            let one = try await GatedDatabase("\(folder)/one.db", FakeLog(bucket), configure: configure)
            let other = try await GatedDatabase("\(folder)/other.db", FakeLog(bucket), configure: configure)
            let result: Result<Void, any Error>
            do { result = .success(try await body(one, other, folder)) } catch { result = .failure(error) }
            try await one.close()
            try await other.close()
            try result.get()
        }
    }

    @Test func `whoever comes second runs again on what the first has done`() async throws {
        try await withTwo { one, other, folder in
            #expect(try await one.insert("a") == 2)
            #expect(try await other.insert("b") == 3)
            #expect(try await other.insert("c") == 4)
            #expect(try await one.insert("d") == 5)
            #expect(try one.names() == ["a", "b", "c", "d"])
            try await other.database.catchUp()
            #expect(try other.names() == ["a", "b", "c", "d"])
            #expect(try one.restoredNames(folder) == ["a", "b", "c", "d"])
        }
    }

    @Test func `results are those of the state that the commit rests on`() async throws {
        try await withTwo { one, other, _ in
            try await one.insert("a")
            // On its own old state it would have succeeded; with a neighbour that does, so that there is a commit.
            let duplicate = Task { try await other.insert("a") }
            let neighbour = Task { try await other.insert("b") }
            let error = try await #require(throws: SQLiteError.self) { try await duplicate.value }
            #expect(error.isDuplicate)
            _ = try await neighbour.value
            let id = try await other.database.write { connection in
                try connection.run("INSERT INTO items (name) VALUES ('c')")
                return connection.lastInsertedID
            }.value
            #expect(try other.database.read { try $0.first("SELECT max(id) FROM items") { $0.integer(0) } } == id)
        }
    }

    @Test func `both lose nothing under load, and stay equal`() async throws {
        try await withTwo(configure: { $0.checkpointPages = 20 }) { one, other, folder in
            try await withThrowingTaskGroup { group in
                for (side, gated) in [one, other].enumerated() {
                    for writer in 0..<3 {
                        group.addTask {
                            for number in 0..<25 {
                                try await gated.insert("\(side)/\(writer)/\(number)")
                                _ = try gated.names()
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await one.database.catchUp()
            try await other.database.catchUp()
            #expect(try one.names().count == 150)
            #expect(try other.names() == one.names())
            #expect(try one.restoredNames(folder) == one.names())
        }
    }

    @Test func `a thread that has read before sees the new state, and its old pages are gone`() async throws {
        try await withTwo { one, other, _ in
            try await one.database.write { connection in
                for number in 0..<200 { try connection.run("INSERT INTO items (name) VALUES (?1)", .text("\(number)")) }
            }
            try await other.database.catchUp()
            let reader = AttachedReader(other.database)
            let before = try await reader.read { try $0.checkedNames() }
            #expect(before.count == 200)
            try await one.database.write { try $0.run("DELETE FROM items WHERE id % 2 = 0") }
            try await other.database.catchUp()
            let between = try await reader.read { try $0.checkedNames() }
            #expect(between.count == 100)
            // A connection that had kept its pages would now undo what was taken over.
            try await other.insert("new")
            try await one.database.catchUp()
            #expect(try one.names().count == 101)
            let after = try await reader.read { try $0.checkedNames() }
            #expect(try one.names() == after)
            reader.stop()
        }
    }

    @Test func `a changed schema is seen by statements that were prepared before`() async throws {
        try await withTwo { one, other, _ in
            try await other.insert("a")
            try await one.database.catchUp()
            try await one.database.write {
                try $0.runScript("ALTER TABLE items ADD COLUMN colour TEXT; UPDATE items SET colour = 'red'")
            }
            try await other.insert("b")
            let colour = try other.database.read { try $0.first("SELECT colour FROM items") { $0.text(0) } }
            #expect(colour == "red")
        }
    }

    @Test func `a read that does not end is interrupted, and the others wait and then see the new state`() async throws
    {
        try await withTwo(configure: { $0.readerPatience = .milliseconds(50) }) { one, other, _ in
            try await one.insert("a")
            let (beginnings, beginning) = AsyncStream.makeStream(of: Void.self)
            let long = AttachedReader(other.database)
            let endless = Task {
                try await long.read {
                    beginning.yield()
                    return try $0.first(
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
                    ) { $0.integer(0) }
                }
            }
            for await _ in beginnings { break }
            try await other.database.catchUp()
            #expect(try other.names() == ["a"])
            let error = try await #require(throws: SQLiteError.self) { try await endless.value }
            #expect(error.code == SQLITE_INTERRUPT)
            let names = try await long.read { try $0.checkedNames() }
            #expect(names == ["a"])
            long.stop()
        }
    }

    @Test func `whoever copies the file is waited for, and a reader in its way makes writes fail, not hang`()
        async throws
    {
        let configure = { (configuration: inout Database.Configuration) in
            configuration.readerPatience = .milliseconds(20)
            configuration.readerLimit = .milliseconds(100)
        }
        try await withTwo(configure: configure) { one, other, _ in
            try await one.insert("a")
            var hold: FileHold? = try other.database.holdFile()
            let failure = try await #require(throws: WriteFailure.self) { try await other.insert("b") }
            guard case .notCommitted(CatchUpError.readersStay) = failure else { throw failure }
            #expect(try other.names() == [])
            #expect(hold?.isWanted == false)
            hold = nil
            try await other.insert("b")
            #expect(try other.names() == ["a", "b"])
        }
    }

    @Test func `a catch-up goes on behind a transaction that brings another page size`() async throws {
        try await withTwo { one, other, folder in
            try await one.insert("a")
            let pageSize = try one.database.read { try $0.first("PRAGMA page_size") { $0.integer(0) } }
            // What somebody ships who has put another database in the place of the old one.
            try one.log.bucket.restore(to: "\(folder)/new.db")
            execute(
                "PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM;"
                    + "INSERT INTO items (name) VALUES ('b'); PRAGMA journal_mode = WAL",
                "\(folder)/new.db"
            )
            try Self.ship("\(folder)/new.db", pageSize: 8192, to: one.log.bucket)
            #expect(pageSize != 8192)
            try await other.database.catchUp()
            #expect(try other.names() == ["a", "b"])
            try await other.insert("c")
            try await one.insert("d")
            #expect(try one.names() == ["a", "b", "c", "d"])
        }
    }

    /// Adds all of a database to the log.
    private static func ship(_ path: String, pageSize: Int, to bucket: FakeBucket) throws {
        let contents = [UInt8](try Data(contentsOf: URL(filePath: path)))
        let commit = UInt32(contents.count / pageSize)
        let txid = TXID(rawValue: UInt64(bucket.files.count) + 1)
        var bytes: [UInt8] = []
        var encoder = try Encoder(
            Header(pageSize: UInt32(pageSize), commit: commit, minTXID: txid, maxTXID: txid, timestampMilliseconds: 0),
            into: &bytes
        )
        for number in 1...commit {
            let page = contents[(Int(number - 1) * pageSize)...].prefix(pageSize)
            try encoder.append(page: number, Array(page).span, into: &bytes)
        }
        _ = try encoder.finish(into: &bytes)
        #expect(bucket.create(txid, bytes))
    }

    private struct WeakHold { weak var value: FileHold? }

    private static func heldSnapshot(_ database: GatedDatabase) throws -> (Snapshot, WeakHold) {
        let hold = try database.database.holdFile()
        let checksum = try #require(Checksum(rawValue: 1 << 63))
        let snapshot = try Snapshot(
            of: try PageImage(database.path),
            at: Position(txid: TXID(rawValue: 1), fileChecksum: checksum),
            timestampMilliseconds: 1,
            hold: hold
        )
        return (snapshot, WeakHold(value: hold))
    }

    @Test func `a snapshot of which a part is on its way to the store does not hold up a write`() async throws {
        let configure = { (configuration: inout Database.Configuration) in
            configuration.readerPatience = .milliseconds(20)
            configuration.readerLimit = .milliseconds(100)
        }
        try await withTwo(configure: configure) { one, other, _ in
            try await one.insert("a")
            let (snapshot, hold) = try Self.heldSnapshot(other)
            #expect(try await snapshot.source.read(1).count == 1)
            #expect(hold.value != nil)
            try await other.insert("b")
            #expect(hold.value == nil)
            #expect(try other.names() == ["a", "b"])
            // What was read is no whole file, and must not pass for one.
            await #expect(throws: PageImageError.self) { try await snapshot.source.read(1) }
        }
    }

    @Test func `a snapshot lets go of the database once it is read, however long it takes to be stored`() async throws {
        try await withTwo { _, other, _ in
            let (snapshot, hold) = try Self.heldSnapshot(other)
            #expect(hold.value != nil)
            #expect(try await !snapshot.source.read(8 << 20).isEmpty)
            #expect(hold.value == nil)
            try await other.insert("a")
            #expect(try await snapshot.source.read(1) == [])
        }
    }

    @Test func `while another process has the file open, it is not replaced under it`() async throws {
        try await withTwo { one, other, _ in
            try await one.insert("a")
            do {
                let foreign = try Connection(other.path, .readOnly)
                #expect(try foreign.checkedNames() == [])
                let failure = try await #require(throws: WriteFailure.self) { try await other.insert("b") }
                guard case .notCommitted(CatchUpError.openElsewhere) = failure else { throw failure }
                #expect(try other.names() == [])
                #expect(try foreign.checkedNames() == [])
            }
            try await other.insert("b")
            #expect(try other.names() == ["a", "b"])
        }
    }

    @Test func `what cannot be followed is restored`() async throws {
        try await withTwo { one, other, folder in
            for number in 0..<10 { try await one.insert("\(number)") }
            other.log.next(.demandRestore)
            #expect(try await other.insert("last") == 12)
            #expect(try other.names().count == 11)
            #expect(try one.restoredNames(folder) == other.names())
        }
    }

    @Test(arguments: [false, true])
    func `of two that begin a log, the second takes over the first one's database and keeps its own aside`(
        isRestored: Bool
    ) async throws {
        try await withTemporaryFolder { folder in
            let bucket = FakeBucket()
            let one = try await GatedDatabase("\(folder)/one.db", FakeLog(bucket))
            try await one.insert("one")
            try Connection("\(folder)/other.db", .readWrite).runScript(
                "\(GatedDatabase.makeItems); INSERT INTO items (name) VALUES ('other')"
            )
            let log = FakeLog(bucket)
            if isRestored { log.next(.demandRestore) }
            let other = try await GatedDatabase("\(folder)/other.db", log)
            try await other.insert("two")
            #expect(try other.names() == ["one", "two"])
            let aside = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains(".aside-") }
            #expect(try aside.map { try Connection("\(folder)/\($0)", .immutable).checkedNames() } == [["other"]])
            try await one.close()
            try await other.close()
        }
    }

    @Test func `migrations run again on the state that another writer has made`() async throws {
        try await withTwo { one, other, _ in
            let runs = Mutex(0)
            let migrate: @Sendable (Connection, any CommitGate) throws -> Void = { connection, gate in
                runs.withLock { $0 += 1 }
                let isDone = try connection.first("SELECT 1 FROM sqlite_schema WHERE name = 'later'") { _ in true }
                guard isDone == nil else { return }
                try connection.begin()
                try connection.runScript("CREATE TABLE later (id INTEGER)")
                _ = try gate.commit(connection)
            }
            try await one.exclusively(migrate)
            try await other.exclusively(migrate)
            #expect(runs.withLock { $0 } == 3)
            #expect(one.log.bucket.files.count == 2)
        }
    }

    @Test func `a write whose time is up while others are first is not done`() async throws {
        try await withTwo(configure: { $0.writeTimeout = .milliseconds(300) }) { one, other, _ in
            // Each time it tries, another is there already.
            let race = Mutex(0)
            let log = FakeLog(one.log.bucket) { _ in
                let number = race.withLock { race in
                    race += 1
                    return race
                }
                _ = try? await one.insert("first \(number)")
                try? await Task.sleep(for: .milliseconds(50))
            }
            let late = try await GatedDatabase(
                other.path + ".late",
                log,
                configure: { $0.writeTimeout = .milliseconds(300) }
            )
            let failure = try await #require(throws: WriteFailure.self) { try await late.insert("late") }
            switch failure {
            case .outcomeUnknown, .expired: break
            default: throw failure
            }
            try await late.close()
            try await one.database.catchUp()
            let names = try one.names()
            #expect(!names.contains("late"))
        }
    }

    @Test func `when COMMIT fails after the file is in the bucket, the write is there and is answered so`() async throws
    {
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            let isArmed = Mutex(false)
            try await withGated(
                wrap: { gate in WatchedGate(gate, willGiveChange: { limitFiles(to: rlim_t.max) }) },
                willAppend: { _ in if isArmed.withLock({ $0 }) { limitFiles(to: 32 << 10) } },
                checkpointPages: 100_000,
                prepare: makeSmallPages
            ) { gated, folder in
                try await gated.insert("before")
                isArmed.withLock { $0 = true }
                // More frames than one region of the wal-index has room for.
                let written = try await gated.database.write { connection in
                    try connection.run("INSERT INTO items (name) VALUES ('large')")
                    try connection.runScript("CREATE TABLE large (data BLOB)")
                    try connection.run("INSERT INTO large VALUES (zeroblob(2200000))")
                    return "done"
                }
                isArmed.withLock { $0 = false }
                guard written.value == "done", written.txid == 3 else { fatalError("\(written)") }
                guard try gated.names() == ["before", "large"] else { fatalError("it is not here") }
                guard try await gated.insert("after") == 4 else { fatalError("not the next") }
                guard try gated.restoredNames(folder) == ["after", "before", "large"] else { fatalError("a fork") }
            }
        }
    }
}

/// Makes a database of the smallest pages there are: so many of them fit into little.
private func makeSmallPages(_ path: String) {
    execute("PRAGMA page_size = 512; CREATE TABLE small (id INTEGER)", path)
}

/// Runs SQL on a file that nobody else has open.
private func execute(_ sql: String, _ path: String) {
    var handle: OpaquePointer?
    sqlite3_open(path, &handle)
    sqlite3_exec(handle, sql, nil, nil, nil)
    sqlite3_close(handle)
}

/// No file may be written beyond this.
private func limitFiles(to bytes: rlim_t) {
    var limit = rlimit(rlim_cur: bytes, rlim_max: rlim_t.max)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
}

/// A thread with a reader of its own.
private final class AttachedReader: Sendable {
    private let work = Monitor<[@Sendable () -> Bool]>([], conditions: 1)
    private let thread: Mutex<WorkerThread?>

    init(_ database: Database) {
        thread = Mutex(nil)
        self.database = database
        thread.withLock { thread in
            thread = WorkerThread(named: "reader") { [work] in
                do { try database.attachThread { _ in } } catch { fatalError("\(error)") }
                while work.wait(for: 0, { $0.isEmpty ? nil : $0.removeFirst() })() { database.endSnapshot() }
                database.detachThread()
            }
        }
    }

    private let database: Database

    func read<Value: Sendable>(_ body: @escaping @Sendable (Connection) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            submit { [database] in
                continuation.resume(with: Result { try database.read(body) })
                return true
            }
        }
    }

    func stop() {
        submit { false }
        thread.withLock { $0.take()?.join() }
    }

    private func submit(_ body: @escaping @Sendable () -> Bool) {
        work.withLock { $0.append(body) }
        work.signal(0)
    }
}
