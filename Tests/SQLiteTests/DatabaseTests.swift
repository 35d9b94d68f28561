import Glibc
import SQLite
import Synchronization
import TestSupport
import Testing

@Suite struct DatabaseTests {
    @Test func `a write gives back what its body returns, and the next read sees it`() async throws {
        try await withDatabase { database, _ in
            for number in 1...50 {
                let id = try await database.write { connection in
                    try connection.insert("item \(number)")
                    return connection.lastInsertedID
                }.value
                #expect(id == Int64(number))
                #expect(try database.read { try $0.first("SELECT max(id) FROM items") { $0.integer(0) } } == id)
            }
        }
    }

    @Test func `many writes at once share few commits`() async throws {
        // The queue's own limit tells when all wait: the first write too many is refused.
        let waitingCountMax = 4096
        let batchCountMax = 256
        let (blocking, counting) = (BlockingGate(), CountingGate())
        try await withDatabase(gate: GateSequence(blocking, counting)) { database, _ in
            defer { blocking.open() }
            async let first = database.write { try $0.insert("first") }
            await blocking.blocks()
            let loop = try await TestLoop(database)
            let tasks = (0..<waitingCountMax + 10).map { number in
                Task(executorPreference: loop) { try await database.write { try $0.insert("\(number)") } }
            }
            try await loop.catchUp()
            for task in tasks.suffix(10) {
                let failure = try await #require(throws: WriteFailure.self) { try await task.value }
                guard case .queueFull = failure else { throw failure }
            }
            // Readers do not wait for the gate.
            #expect(try database.names() == [])

            blocking.open()
            _ = try await first
            for task in tasks.prefix(waitingCountMax) { _ = try await task.value }
            #expect(counting.commitCount == waitingCountMax / batchCountMax)
            #expect(try database.names().count == waitingCountMax + 1)
            #expect(loop.deliveryCount == waitingCountMax / batchCountMax)
            try await loop.stop(database)
        }
    }

    @Test func `what waits is bounded in bytes as well`() async throws {
        let blocking = BlockingGate()
        try await withDatabase(gate: blocking) { database, _ in
            defer { blocking.open() }
            async let first = database.write { try $0.insert("first") }
            await blocking.blocks()
            let loop = try await TestLoop(database)
            let large = Task(executorPreference: loop) {
                try await database.write(byteCount: 64 << 20) { try $0.insert("large") }
            }
            try await loop.catchUp()
            let failure = try await #require(throws: WriteFailure.self) {
                try await database.write(byteCount: 1) { try $0.insert("one too many") }
            }
            guard case .queueFull = failure else { throw failure }
            blocking.open()
            _ = try await first
            _ = try await large.value
            try await loop.stop(database)
        }
    }

    @Test func `at a gate that blocks, whoever is in the batch hears that the outcome is unknown`() async throws {
        let blocking = BlockingGate()
        try await withDatabase(gate: blocking, writeTimeout: .milliseconds(100)) { database, _ in
            defer { blocking.open() }
            let loop = try await TestLoop(database)
            let inBatch = Task(executorPreference: loop) { try await database.write { try $0.insert("in batch") } }
            await blocking.blocks()
            let waiting = Task(executorPreference: loop) { try await database.write { try $0.insert("waiting") } }

            let unknown = try await #require(throws: WriteFailure.self) { try await inBatch.value }
            guard case .outcomeUnknown = unknown else { throw unknown }
            let expired = try await #require(throws: WriteFailure.self) { try await waiting.value }
            guard case .expired = expired else { throw expired }
            #expect(try database.names() == [])

            blocking.open()
            // The writer goes on; the one that was too late came through, the one that expired did not.
            try await database.write { try $0.insert("after") }
            #expect(try database.names() == ["after", "in batch"])
            try await loop.catchUp()
            #expect(loop.deliveryCount == 2)
            try await loop.stop(database)
        }
    }

    @Test func `deadlines are kept again after a time in which nobody waited`() async throws {
        let blocking = BlockingGate()
        let gate = GateSequence(CountingGate(), CountingGate(), blocking)
        try await withDatabase(gate: gate, writeTimeout: .milliseconds(100)) { database, _ in
            defer { blocking.open() }
            for name in ["a", "b"] {
                try await database.write { try $0.insert(name) }
                try await Task.sleep(for: .milliseconds(150))  // past the deadline of a write that was answered
            }
            let failure = try await #require(throws: WriteFailure.self) {
                try await database.write { try $0.insert("c") }
            }
            guard case .outcomeUnknown = failure else { throw failure }
        }
    }

    @Test func `an attached thread gets its answers in one parcel a batch, and sees what it wrote`() async throws {
        let blocking = BlockingGate()
        try await withDatabase(gate: GateSequence(blocking, CountingGate())) { database, _ in
            defer { blocking.open() }
            let loops = [try await TestLoop(database), try await TestLoop(database)]
            async let first = database.write { try $0.insert("first") }
            await blocking.blocks()
            let tasks = (0..<100).map { number in
                Task(executorPreference: loops[number % 2]) {
                    // A snapshot from before the write, which must not outlive the answer.
                    _ = try database.names()
                    try await database.write { try $0.insert("\(number)") }
                    return try database.names().contains("\(number)")
                }
            }
            for loop in loops { try await loop.catchUp() }
            blocking.open()
            _ = try await first
            for task in tasks { #expect(try await task.value) }
            for loop in loops {
                #expect(loop.deliveryCount == 1)
                try await loop.stop(database)
            }
        }
    }

    @Test func `an attached thread keeps one snapshot until its turn ends`() async throws {
        try await withDatabase { database, _ in
            let loop = try await TestLoop(database)
            #expect(try await loop.call { try database.names() } == [])
            try await database.write { try $0.insert("a") }
            #expect(try await loop.call { try database.names() } == [])
            try await loop.call { database.endSnapshot() }
            #expect(try await loop.call { try database.names() } == ["a"])
            try await loop.call { database.endSnapshot() }
            try await loop.stop(database)
        }
    }

    @Test func `a read that fails leaves its thread able to read`() async throws {
        try await withDatabase { database, _ in
            #expect(throws: SQLiteError.self) { try database.read { try $0.run("SELECT * FROM nowhere") } }
            #expect(throws: SQLiteError.self) { try database.read { try $0.run("DELETE FROM items") } }
            // Even one that ends the snapshot by itself.
            try database.read { try $0.commit() }
            #expect(try database.names() == [])
        }
    }

    @Test func `close answers everyone, empties the log, and may come twice and at once`() async throws {
        let blocking = BlockingGate()
        try await withDatabase(gate: GateSequence(blocking, CountingGate())) { database, path in
            let loop = try await TestLoop(database)
            let tasks = (0..<300).map { number in
                Task(executorPreference: loop) { try await database.write { try $0.insert("\(number)") } }
            }
            await blocking.blocks()
            try await loop.catchUp()
            async let one: Void = Task.detached { database.close() }.value
            async let two: Void = Task.detached { database.close() }.value
            blocking.open()
            _ = await (one, two)
            database.close()
            for task in tasks {
                // Not one is left without an answer; those that came before the closing are done.
                do { _ = try await task.value } catch WriteFailure.closed {}
            }
            #expect(fileSize("\(path)-wal") == 0)
            let failure = try await #require(throws: WriteFailure.self) { try await database.write { _ in () } }
            guard case .closed = failure else { throw failure }
            #expect(try database.names().count > 0)
            try await loop.stop(database)
        }
    }

    @Test func `both who close at once come back to a closed database`() async throws {
        for _ in 0..<20 {
            try await withDatabase { database, path in
                try await database.write { try $0.insert("a") }
                await withTaskGroup { group in
                    for _ in 0..<2 {
                        group.addTask {
                            database.close()
                            #expect(fileSize("\(path)-wal") == 0)
                        }
                    }
                }
            }
        }
    }

    @Test func `a reader that does not let go does not hold up the closing for long, and is told of`() async throws {
        let reports = Mutex<[String]>([])
        try await withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            try makeItems(path)
            var configuration = Database.Configuration()
            configuration.report = { failure in reports.withLock { $0.append(failure) } }
            let database = try Database(path, configuration: configuration)
            let stuck = try Connection(path, .readOnly)
            try stuck.run("BEGIN")
            try stuck.run("SELECT count(*) FROM items")
            try await database.write { try $0.insert("a") }
            let duration = ContinuousClock().measure { database.close() }
            #expect(duration < .seconds(3))
            #expect(reports.withLock { $0.count } == 1)
            // Nothing is lost: the log still holds it.
            #expect(try Connection(path, .readOnly).first("SELECT name FROM items") { $0.text(0) } == "a")
        }
    }

    @Test func `the log stays bounded under load, with readers that leave it no moment alone`() async throws {
        let pageSize = 4096
        let checkpointPages = 50
        try await withDatabase({ $0.checkpointPages = checkpointPages }) { database, path in
            let loops = [try await TestLoop(database), try await TestLoop(database), try await TestLoop(database)]
            let readers = loops.map { loop in
                Task.detached {
                    // Each stays for a while, and leaves when another has come.
                    while !Task.isCancelled {
                        try await loop.call {
                            _ = try database.names()
                            usleep(3000)
                            database.endSnapshot()
                        }
                    }
                }
            }
            var bytesMax = 0
            for number in 0..<1000 {
                let id = Value.integer(Int64(number % 10))
                _ = try await database.write { connection in
                    try connection.run("REPLACE INTO items VALUES (?1, ?1 || hex(zeroblob(4000)), random())", id)
                }
                bytesMax = max(bytesMax, fileSize("\(path)-wal") ?? 0)
            }
            for reader in readers { reader.cancel() }
            for reader in readers { try await reader.value }
            for loop in loops { try await loop.stop(database) }
            // Each write is at least three pages: without the writer's patience the log would end at 12 MB and more.
            #expect(bytesMax > checkpointPages * pageSize)
            #expect(bytesMax < 6 * checkpointPages * pageSize)
        }
    }

    @Test func `a reader that stays holds writes up rarely`() async throws {
        let reports = Mutex(0)
        try await withDatabase({ configuration in
            configuration.checkpointPages = 10
            configuration.report = { _ in reports.withLock { $0 += 1 } }
        }) { database, path in
            let stuck = try Connection(path, .readOnly)
            try stuck.run("BEGIN")
            try stuck.run("SELECT count(*) FROM items")
            for number in 0..<200 { try await database.write { try $0.insert("item \(number)") } }
            // 400 to 600 pages: it waited at 40, 80, 160, 320 and no more often.
            #expect((1...5).contains(reports.withLock { $0 }))
        }
    }

    @Test func `after a checkpoint that readers held up, the log still comes down once they leave`() async throws {
        try await withDatabase({ $0.checkpointPages = 20 }) { database, path in
            let stuck = try Connection(path, .readOnly)
            try stuck.run("BEGIN")
            try stuck.run("SELECT count(*) FROM items")
            func write(_ range: Range<Int>) async throws {
                for number in range { try await database.write { try $0.insert("item \(number)") } }
            }
            try await write(0..<200)
            let grown = try #require(fileSize("\(path)-wal"))
            #expect(grown > 200 * 4096)
            try stuck.run("COMMIT")
            try await write(200..<1000)
            // It starts from the front again instead of growing on.
            let size = try #require(fileSize("\(path)-wal"))
            #expect(size < grown + 100 * 4096)
        }
    }
}
