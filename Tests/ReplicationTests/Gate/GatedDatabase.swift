import LTX
import Replication
import SQLite
import TestSupport
import Threads

/// A database with a table `items (id, name UNIQUE, size)`, whose commits go to a bucket.
struct GatedDatabase {
    let path: String
    let log: FakeLog
    let database: Database

    static let makeItems = """
        CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER) STRICT
        """

    /// Opens a new file, or what the bucket holds already, and makes the table if it is not there.
    init(
        _ path: String,
        _ log: FakeLog,
        wrap: (ShippingGate) -> any CommitGate = { $0 },
        didCommit: @escaping @Sendable (ShippedFile) -> Void = { _ in },
        configure: (inout Database.Configuration) -> Void = { _ in }
    ) async throws {
        (self.path, self.log) = (path, log)
        let restore: ShippingGate.Restore = { path in
            try log.bucket.restore(to: path)
            return { log.rebase() }
        }
        let gate = ShippingGate(log, for: path, restore: restore, didCommit: didCommit)
        var configuration = Database.Configuration()
        configuration.writeTimeout = .seconds(600)
        configure(&configuration)
        database = try Database(path, gate: wrap(gate), configuration: configuration)
        try await exclusively { connection, gate in
            try connection.begin()
            let isThere = try connection.first("SELECT 1 FROM sqlite_schema WHERE name = 'items'") { _ in true }
            guard isThere == nil else { return try connection.rollback() }
            try connection.runScript(Self.makeItems)
            _ = try gate.commit(connection)
        }
    }

    /// What `Database` has that blocks must not do so on a thread that the log's tasks may need.
    func exclusively(_ body: @escaping @Sendable (Connection, any CommitGate) throws -> Void) async throws {
        try await offPool { [database] in try database.exclusively(body) }
    }

    @discardableResult
    func close() async throws -> Bool { try await offPool { [database] in database.close() } }

    @discardableResult
    func insert(_ name: String) async throws -> UInt64? {
        try await database.write { try $0.run("INSERT INTO items (name) VALUES (?1)", .text(name)) }.txid
    }

    func names() throws -> [String] { try database.names() }

    /// What somebody finds who has the bucket alone.
    func restoredNames(_ folder: String) throws -> [String] {
        let path = "\(folder)/restored-\(log.bucket.files.count).db"
        try log.bucket.restore(to: path)
        return try Connection(path, .immutable).checkedNames()
    }
}

/// Shows `body` a gated database in a folder of its own, and closes it afterwards.
func withGated<Result>(
    wrap: (ShippingGate) -> any CommitGate = { $0 },
    willAppend: @escaping @Sendable (TXIDNumber) async -> Void = { _ in },
    checkpointPages: Int = 1000,
    prepare: (_ path: String) -> Void = { _ in },
    _ body: (GatedDatabase, _ folder: String) async throws -> Result
) async throws -> Result {
    try await withTemporaryFolder { folder in
        prepare("\(folder)/test.db")
        let log = FakeLog(FakeBucket()) { await willAppend($0.rawValue) }
        let gated = try await GatedDatabase(
            "\(folder)/test.db",
            log,
            wrap: wrap,
            configure: { $0.checkpointPages = checkpointPages }
        )
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(gated, folder)) } catch { result = .failure(error) }
        try await gated.close()
        return try result.get()
    }
}

typealias TXIDNumber = UInt64

/// Runs what blocks on a thread of its own.
func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        WorkerThread(named: "off-pool") { continuation.resume(with: .init(catching: body)) }.detach()
    }
}

extension Connection {
    /// The names of all items, from a database that is whole.
    func checkedNames() throws -> [String] {
        let check = try first("PRAGMA integrity_check") { $0.text(0) }
        guard check == "ok" else { throw SQLiteError.unreadable("integrity: \(check ?? "nothing")") }
        var names: [String] = []
        try query("SELECT name FROM items ORDER BY name") { names.append($0.text(0)) }
        return names
    }
}

extension Database {
    func names() throws -> [String] { try read { try $0.checkedNames() } }
}
