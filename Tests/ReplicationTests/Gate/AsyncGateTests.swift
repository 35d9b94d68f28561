import Foundation
import LTX
import Replication
import SQLite
import Synchronization
import TestSupport
import Testing

/// What is answered before it is in the bucket.
@Suite struct AsyncGateTests {
    private static func limits(interval: Duration = .milliseconds(20)) -> AsyncGate.Limits {
        var limits = AsyncGate.Limits()
        limits.interval = interval
        limits.patience = .seconds(5)
        return limits
    }

    private func withAsync(
        _ limits: AsyncGate.Limits = limits(),
        _ log: FakeLog = FakeLog(FakeBucket()),
        report: @escaping @Sendable (String) -> Void = { _ in },
        _ body: (Database, AsyncGate, _ folder: String) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let gate = AsyncGate(log, limits: limits, report: report)
            let database = try Database("\(folder)/test.db", gate: gate)
            try await database.write { try $0.runScript(GatedDatabase.makeItems) }
            let result: Result<Void, any Error>
            do { result = .success(try await body(database, gate, folder)) } catch { result = .failure(error) }
            _ = try await close(database, gate)
            try result.get()
        }
    }

    /// Whether the bucket holds everything.
    private func close(_ database: Database, _ gate: AsyncGate) async throws -> Bool {
        try await offPool {
            database.close()
            return gate.close(within: .seconds(20))
        }
    }

    private func insert(_ name: String, _ database: Database) async throws {
        try await database.write { try $0.run("INSERT INTO items (name) VALUES (?1)", .text(name)) }
    }

    @Test(arguments: [Duration.milliseconds(1), .seconds(600)])
    func `at the end the bucket holds everything, in few files`(interval: Duration) async throws {
        let log = FakeLog(FakeBucket())
        try await withAsync(Self.limits(interval: interval), log) { database, gate, folder in
            for number in 0..<30 { try await insert("\(number)", database) }
            try await database.write { try $0.run("DELETE FROM items WHERE id % 3 = 0") }
            let names = try database.names()
            let isWhole = try await close(database, gate)
            #expect(isWhole)
            try log.bucket.restore(to: "\(folder)/restored.db")
            #expect(try Connection("\(folder)/restored.db", .immutable).checkedNames() == names)
            // All that waits shares one file.
            if interval > .seconds(1) { #expect(log.bucket.files.count == 2) }
        }
    }

    @Test func `a write is answered while the bucket cannot be reached, and gets there later`() async throws {
        let log = FakeLog(FakeBucket())
        log.next(.lose, .lose, .lose)
        let reports = Mutex<[String]>([])
        try await withAsync(Self.limits(), log, report: { text in reports.withLock { $0.append(text) } }) {
            database,
            gate,
            folder in
            try await insert("a", database)
            #expect(try database.names() == ["a"])
            while log.bucket.files.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
            try log.bucket.restore(to: "\(folder)/restored.db")
            #expect(try Connection("\(folder)/restored.db", .immutable).checkedNames() == ["a"])
            #expect(reports.withLock { $0 }.count == 1)
        }
    }

    @Test func `with too much waiting, a commit waits too, and is refused in the end`() async throws {
        var limits = Self.limits(interval: .seconds(600))
        limits.backlogBytesMax = 100_000
        limits.patience = .milliseconds(50)
        try await withAsync(limits) { database, gate, _ in
            let failure = try await #require(throws: WriteFailure.self) {
                for number in 0..<200 {
                    try await database.write { connection in
                        try connection.run(
                            "INSERT INTO items (name) VALUES (?1 || hex(zeroblob(2000)))",
                            .integer(Int64(number))
                        )
                    }
                }
            }
            guard case .notCommitted(AsyncGateError.backlogFull) = failure else { throw failure }
        }
    }

    @Test func `settled, the log holds all that can be seen, however long it would have waited`() async throws {
        let log = FakeLog(FakeBucket())
        try await withAsync(Self.limits(interval: .seconds(600)), log) { database, gate, folder in
            for number in 0..<10 {
                try await insert("\(number)", database)
                guard number % 3 == 0 else { continue }
                let isSettled = try await offPool {
                    try database.exclusively { _, _ in gate.settle(within: .seconds(60)) }
                }
                #expect(isSettled)
                try log.bucket.restore(to: "\(folder)/restored-\(number).db")
                let names = try Connection("\(folder)/restored-\(number).db", .immutable).checkedNames()
                #expect(names == (0...number).map { "\($0)" })
            }
            log.next(.lose, .lose, .lose, .lose, .lose, .lose, .lose, .lose, .lose, .lose)
            try await insert("last", database)
            let isSettled = try await offPool { gate.settle(within: .milliseconds(50)) }
            #expect(!isSettled)
        }
    }

    @Test func `another writer in the log ends all writing, and reads go on`() async throws {
        let log = FakeLog(FakeBucket())
        let reports = Mutex<[String]>([])
        try await withAsync(Self.limits(), log, report: { text in reports.withLock { $0.append(text) } }) {
            database,
            gate,
            folder in
            while log.position == nil { try await Task.sleep(for: .milliseconds(5)) }
            _ = log.bucket.create(TXID(rawValue: 2), log.bucket.files[0])
            try await insert("a", database)
            while reports.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(5)) }
            let failure = try await #require(throws: WriteFailure.self) { try await insert("b", database) }
            guard case .notCommitted(AsyncGateError.overtaken) = failure else { throw failure }
            #expect(try database.names() == ["a"])
            #expect(reports.withLock { $0[0] }.contains("another writer has transaction 0000000000000002"))
            let isWhole = try await close(database, gate)
            #expect(!isWhole)
        }
    }
}
