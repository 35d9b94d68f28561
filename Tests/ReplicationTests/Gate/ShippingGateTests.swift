import Dispatch
import Foundation
import LTX
import Replication
import SQLite
import Synchronization
import TestSupport
import Testing

/// What a commit goes through, and what is left when it does not get through.
@Suite struct ShippingGateTests {
    @Test func `each commit is one file in the log, and the bucket alone brings it back`() async throws {
        try await withGated { gated, folder in
            for number in 1...20 {
                let txid = try await gated.insert("item \(number)")
                #expect(txid == UInt64(number) + 1)
                #expect(gated.log.bucket.files.count == number + 1)
            }
            #expect(try gated.restoredNames(folder) == gated.names())
            #expect(try gated.names().count == 20)
        }
    }

    @Test(arguments: [1, 5, 100_000])
    func `whatever a database goes through, the bucket holds the same`(checkpointPages: Int) async throws {
        var random = SeededGenerator(seed: UInt64(checkpointPages))
        try await withGated(checkpointPages: checkpointPages) { gated, folder in
            for number in 0..<45 {
                let size = Int64(Int.random(in: 0...10_000, using: &random))
                let victim = Int64(Int.random(in: 0...60, using: &random))
                try await gated.database.write { connection in
                    try connection.run(
                        "INSERT INTO items (name) VALUES (?1 || hex(zeroblob(?2)))",
                        .text("\(number)-"),
                        .integer(size)
                    )
                    try connection.run("DELETE FROM items WHERE id = ?1", .integer(victim))
                }
                if number % 20 == 10 {
                    try await gated.exclusively { connection, gate in
                        // Everything moves, and the file gets shorter.
                        try connection.run("PRAGMA incremental_vacuum")
                        try connection.begin()
                        try connection.run("DELETE FROM items WHERE id % 2 = 0")
                        _ = try gate.commit(connection)
                    }
                }
            }
            #expect(try gated.restoredNames(folder) == gated.names())
            let isWhole = try await gated.close()
            #expect(isWhole)
            #expect(fileSize("\(gated.path)-wal") == nil)
            #expect(try gated.restoredNames(folder) == Connection(gated.path, .immutable).checkedNames())
        }
    }

    @Test func `a commit larger than what is held in memory gets through whole`() async throws {
        try await withGated { gated, folder in
            try await gated.database.write { connection in
                for number in 0..<3 {
                    try connection.run(
                        "INSERT INTO items (name) VALUES (?1 || hex(zeroblob(750000)))",
                        .integer(Int64(number))
                    )
                }
            }
            #expect(try gated.restoredNames(folder) == gated.names())
        }
    }

    @Test func `nobody reads a write before it is in the log`() async throws {
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        let (openings, opening) = AsyncStream.makeStream(of: Void.self)
        let append: @Sendable (TXIDNumber) async -> Void = { txid in
            guard txid > 1 else { return }
            arrival.yield()
            for await _ in openings { return }
        }
        try await withGated(willAppend: append) { gated, _ in
            let write = Task { try await gated.insert("a") }
            for await _ in arrivals { break }
            #expect(try gated.names() == [])
            #expect(gated.log.bucket.files.count == 1)
            opening.yield()
            let txid = try await write.value
            #expect(txid == 2)
            #expect(try gated.names() == ["a"])
        }
    }

    @Test func `what changes nothing makes no file, and has the number of what it rests on`() async throws {
        try await withGated { gated, _ in
            let written = try await gated.database.write { try $0.run("DELETE FROM items WHERE id = 7") }
            #expect(written.value == 0)
            #expect(written.txid == 1)
            #expect(gated.log.bucket.files.count == 1)
        }
    }

    @Test func `SQLite asks exactly once for each commit, and not at all for a checkpoint`() async throws {
        let counts = Mutex((commits: 0, others: 0))
        let count: @Sendable (Bool) -> Void = { isCommit in
            counts.withLock { if isCommit { $0.commits += 1 } else { $0.others += 1 } }
        }
        let wrap = { (gate: ShippingGate) -> any CommitGate in WatchedGate(gate, willAdmit: count) }
        try await withGated(wrap: wrap) { gated, _ in
            counts.withLock { $0 = (0, 0) }
            for number in 0..<10 {
                try await gated.database.write { connection in
                    for row in 0..<100 {
                        try connection.run("INSERT INTO items (name) VALUES (?1)", .text("\(number)/\(row)"))
                    }
                }
            }
            #expect(counts.withLock { $0.commits } == 10)
            #expect(counts.withLock { $0.others } == 0)
        }
    }

    // MARK: What is refused

    @Test func `a refused commit leaves nothing behind, neither here nor in what a crash would bring back`()
        async throws
    {
        try await withGated { gated, folder in
            try await gated.insert("before")
            let size = fileSize("\(gated.path)-wal")
            gated.log.next(.refuse)
            let failure = try await #require(throws: WriteFailure.self) { try await gated.insert("ghost") }
            guard case .notCommitted(let cause) = failure else { throw failure }
            #expect(cause is LogError)
            #expect(try gated.names() == ["before"])
            #expect(fileSize("\(gated.path)-wal") == size)
            #expect(try namesAfterCrash(gated.path, folder) == ["before"])
            #expect(try await gated.insert("after") == 3)
            #expect(try gated.names() == ["after", "before"])
            #expect(try gated.restoredNames(folder) == ["after", "before"])
        }
    }

    @Test func `a commit refused right after the log was started over does not bring back the one before`() async throws
    {
        try await withGated(checkpointPages: 1) { gated, folder in
            for number in 0..<5 {
                try await gated.insert("\(number)")
                gated.log.next(.refuse)
                await #expect(throws: WriteFailure.self) { try await gated.insert("ghost") }
                #expect(try namesAfterCrash(gated.path, folder) == gated.names())
            }
            #expect(try gated.names() == ["0", "1", "2", "3", "4"])
            #expect(try gated.restoredNames(folder) == gated.names())
        }
    }

    @Test func `a refused change of the schema, and one of many pages, can be tried again`() async throws {
        try await withGated { gated, folder in
            let grow = { @Sendable (connection: Connection) throws in
                try connection.runScript("CREATE TABLE more (id INTEGER PRIMARY KEY, data BLOB) STRICT")
                for _ in 0..<20 { try connection.run("INSERT INTO more (data) VALUES (randomblob(20000))") }
                try connection.run("INSERT INTO items (name) VALUES ('grown')")
            }
            gated.log.next(.refuse, .refuse)
            for _ in 0..<2 { await #expect(throws: WriteFailure.self) { try await gated.database.write(grow) } }
            #expect(try gated.names() == [])
            try await gated.database.write(grow)
            #expect(try gated.restoredNames(folder) == ["grown"])
        }
    }

    @Test func `pages that were written and taken back within a batch do not spoil the commit`() async throws {
        try await withGated { gated, folder in
            // A cache too small for the batch would spill into the log, were it allowed to.
            try await gated.exclusively { connection, _ in _ = try connection.run("PRAGMA cache_size = 10") }
            let blocked = DispatchSemaphore(value: 0)
            let first = Task { try await gated.database.write { _ in blocked.wait() } }
            let failing = Task {
                try await gated.database.write { connection in
                    for number in 0..<40 {
                        try connection.run(
                            "INSERT INTO items (name) VALUES (?1 || hex(randomblob(20000)))",
                            .integer(Int64(number))
                        )
                    }
                    throw SQLiteError.unreadable("taken back")
                }
            }
            let kept = Task { try await gated.insert("kept") }
            try await Task.sleep(for: .milliseconds(100))
            blocked.signal()
            _ = try await first.value
            await #expect(throws: SQLiteError.self) { try await failing.value }
            _ = try await kept.value
            #expect(try gated.restoredNames(folder) == ["kept"])
            #expect(try namesAfterCrash(gated.path, folder) == ["kept"])
        }
    }

    @Test func `a neighbour that ends the transaction from within costs nobody else anything`() async throws {
        try await withGated { gated, folder in
            try await gated.database.write {
                try $0.runScript(
                    """
                    CREATE TRIGGER end_all BEFORE INSERT ON items WHEN NEW.name = 'raise'
                    BEGIN SELECT RAISE(ROLLBACK, 'boom'); END
                    """
                )
            }
            await withTaskGroup { group in
                for name in ["a", "raise", "b", "raise", "c"] { group.addTask { _ = try? await gated.insert(name) } }
            }
            #expect(try gated.names() == ["a", "b", "c"])
            #expect(try gated.restoredNames(folder) == ["a", "b", "c"])
        }
    }

    @Test func `when the answer is lost, the write is neither confirmed nor denied, and the next batch finds out`()
        async throws
    {
        try await withGated { gated, folder in
            gated.log.next(.lose, .createUnheard)
            for name in ["never", "perhaps"] {
                let failure = try await #require(throws: WriteFailure.self) { try await gated.insert(name) }
                guard case .outcomeUnknown = failure else { throw failure }
                #expect(try gated.names() == [])
            }
            #expect(try await gated.insert("next") == 3)
            #expect(try gated.names() == ["next", "perhaps"])
            #expect(try gated.restoredNames(folder) == ["next", "perhaps"])
        }
    }

    @Test func `a commit of its own, without the gate, is refused`() async throws {
        try await withGated { gated, folder in
            let error = try await #require(throws: SQLiteError.self) {
                try await gated.exclusively { connection, _ in
                    try connection.begin()
                    try connection.run("INSERT INTO items (name) VALUES ('past')")
                    try connection.commit()
                }
            }
            #expect(error.message == "disk I/O error")
            #expect(try gated.names() == [])
            #expect(try namesAfterCrash(gated.path, folder) == [])
            #expect(try await gated.insert("a") == 2)
        }
    }

    @Test func `what is durable is done, also where COMMIT failed after that`() async throws {
        let failures = Mutex(0)
        let fail: @Sendable (Bool) throws -> Void = { isCommit in
            let fails = failures.withLock { failures in
                guard isCommit, failures > 0 else { return false }
                failures -= 1
                return true
            }
            if fails { throw SQLiteError.unreadable("the disk is full") }
        }
        let wrap = { (gate: ShippingGate) -> any CommitGate in WatchedGate(gate, didAdmit: fail) }
        try await withGated(wrap: wrap) { gated, folder in
            failures.withLock { $0 = 2 }
            try await gated.exclusively { connection, gate in
                for name in ["a", "b", "c"] {
                    try connection.begin()
                    try connection.run("INSERT OR IGNORE INTO items (name) VALUES (?1)", .text(name))
                    _ = try gate.commit(connection)
                }
            }
            #expect(failures.withLock { $0 } == 0)
            #expect(try gated.names() == ["a", "b", "c"])
            #expect(try gated.restoredNames(folder) == ["a", "b", "c"])
            let count = gated.log.bucket.files.count
            failures.withLock { $0 = 1 }
            #expect(try await offPool { try gated.database.adopt() } == UInt64(count + 1))
            #expect(gated.log.bucket.files.count == count + 1)
            #expect(try await gated.insert("d") == UInt64(count + 2))
            // To know that one's own commit is done, nobody has to be asked.
            gated.log.isSilent(true)
            failures.withLock { $0 = 1 }
            #expect(try await gated.insert("e") == UInt64(count + 3))
            gated.log.isSilent(false)
            #expect(try gated.names() == ["a", "b", "c", "d", "e"])
            #expect(try await gated.insert("f") == UInt64(count + 4))
            #expect(try gated.restoredNames(folder) == ["a", "b", "c", "d", "e", "f"])
        }
    }

    // MARK: What ends the process

    @Test(arguments: [false, true])
    func `a commit that is visible without having passed the gate ends the process`(isCalled: Bool) async throws {
        let result = try await #require(processExitsWith: .exitCode(70), observing: [\.standardErrorContent]) {
            [isCalled = isCalled as Bool] in
            try await withGated { gated, _ in
                try await gated.exclusively { connection, gate in
                    try connection.run("PRAGMA synchronous = OFF")
                    try connection.begin()
                    try connection.run("INSERT INTO items (name) VALUES ('past')")
                    if isCalled { _ = try gate.commit(connection) } else { try connection.commit() }
                }
            }
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("holdfast: stopped: a commit became visible without having passed the gate"))
    }

    @Test func `a commit of another process ends this one before it writes again`() async throws {
        let result = try await #require(processExitsWith: .exitCode(70), observing: [\.standardErrorContent]) {
            try await withGated { gated, _ in
                try await gated.insert("ours")
                let other = try Connection(gated.path, .readWrite)
                try other.run("INSERT INTO items (name) VALUES ('theirs')")
                _ = try? await gated.insert("ours too")
            }
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("another process has written to the database"))
    }

    @Test func `readers of other processes and their checkpoints do no harm`() async throws {
        try await withGated { gated, folder in
            try await gated.insert("a")
            let other = try Connection(gated.path, .readWrite)
            #expect(try other.checkedNames() == ["a"])
            try other.checkpoint(.truncating)
            try await gated.insert("b")
            #expect(try other.checkedNames() == ["a", "b"])
            #expect(try gated.restoredNames(folder) == ["a", "b"])
        }
    }

    // MARK: Opening

    @Test func `a log left beside a restored file is refused`() async throws {
        try await withTemporaryFolder { folder in
            let (bucket, path) = (FakeBucket(), "\(folder)/test.db")
            do {
                let gated = try await GatedDatabase(path, FakeLog(bucket))
                try await gated.insert("a")
                try FileManager.default.copyItem(atPath: "\(path)-wal", toPath: "\(folder)/left")
                try await gated.close()
            }
            try FileManager.default.moveItem(atPath: "\(folder)/left", toPath: "\(path)-wal")
            let log = FakeLog(bucket)
            log.rebase()
            let error = try await #require(throws: SQLiteError.self) { try await GatedDatabase(path, log) }
            #expect(error.message.contains("-wal is not empty"))
            try FileManager.default.removeItem(atPath: "\(path)-wal")
            let gated = try await GatedDatabase(path, log)
            #expect(try gated.names() == ["a"])
            try await gated.close()
        }
    }

    @Test func `a database that was there before the log is in its first file, whole`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            do {
                let local = try Database(path)
                try await local.write { connection in
                    try connection.runScript(GatedDatabase.makeItems)
                    for number in 0..<300 {
                        try connection.run("INSERT INTO items (name) VALUES (?1)", .text("\(number)"))
                    }
                }
                // Cut off: the log beside it still holds it all.
                for suffix in ["", "-wal"] {
                    try FileManager.default.copyItem(atPath: path + suffix, toPath: "\(folder)/adopted.db\(suffix)")
                }
                local.close()
            }
            // What SQLite moves into the file after that is synced by nobody.
            let sizes = Mutex<[Int?]>([])
            let gated = try await GatedDatabase("\(folder)/adopted.db", FakeLog(FakeBucket())) { gate in
                WatchedGate(gate, willBegin: { files in sizes.withLock { $0.append(try? files.logSize()) } })
            }
            #expect(sizes.withLock { $0 } == [0])
            #expect(gated.log.bucket.files.isEmpty)
            let adopted = try await offPool { try gated.database.adopt() }
            #expect(adopted == 1)
            #expect(try gated.restoredNames(folder).count == 300)
            #expect(try await gated.insert("new") == 2)
            #expect(try gated.restoredNames(folder).count == 301)
            try await gated.close()
        }
    }

    @Test func `after the end nothing can be read, and no log is left`() async throws {
        try await withGated { gated, _ in
            try await gated.insert("a")
            #expect(try gated.names() == ["a"])
            let isWhole = try await gated.close()
            #expect(isWhole)
            #expect(throws: WriteFailure.self) { _ = try gated.names() }
            #expect(fileSize("\(gated.path)-wal") == nil)
            #expect(try Connection(gated.path, .immutable).checkedNames() == ["a"])
        }
    }
}

/// What another process would find that takes over the files as they are now.
func namesAfterCrash(_ path: String, _ folder: String) throws -> [String] {
    let copy = "\(folder)/crashed-\(UUID().uuidString).db"
    for suffix in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix) }
    return try Connection(copy, .readWrite).checkedNames()
}

/// Tells of every sync that SQLite asks for.
final class WatchedGate: LogGate {
    private let gate: ShippingGate
    private let willAdmit: @Sendable (_ isCommit: Bool) -> Void
    private let willGiveChange: @Sendable () -> Void
    private let willBegin: @Sendable (LogFiles) -> Void
    private let didAdmit: @Sendable (_ isCommit: Bool) throws -> Void

    init(
        _ gate: ShippingGate,
        willBegin: @escaping @Sendable (LogFiles) -> Void = { _ in },
        willGiveChange: @escaping @Sendable () -> Void = {},
        willAdmit: @escaping @Sendable (_ isCommit: Bool) -> Void = { _ in },
        didAdmit: @escaping @Sendable (_ isCommit: Bool) throws -> Void = { _ in }
    ) {
        (self.gate, self.willAdmit, self.willGiveChange) = (gate, willAdmit, willGiveChange)
        (self.willBegin, self.didAdmit) = (willBegin, didAdmit)
    }

    var hasHistory: Bool { gate.hasHistory }
    func commit(_ connection: Connection) throws -> UInt64? { try gate.commit(connection) }
    func begin(_ files: LogFiles) throws(SQLiteError) {
        willBegin(files)
        try gate.begin(files)
    }
    func admit(_ files: LogFiles, isCommit: Bool) throws {
        willAdmit(isCommit)
        try gate.admit(files, isCommit: isCommit)
        try didAdmit(isCommit)
    }
    func admittedSize(_ files: LogFiles) throws -> Int { try gate.admittedSize(files) }
    func nextChange() throws -> DatabaseChange? {
        willGiveChange()
        return try gate.nextChange()
    }
    func didApplyChange() { gate.didApplyChange() }
}
