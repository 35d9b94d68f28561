import SQLite
import TestSupport

/// Shows `body` a connection to a new file.
func withConnection<Result>(_ body: (Connection) async throws -> Result) async throws -> Result {
    try await withTemporaryFolder { folder in try await body(try Connection("\(folder)/test.db", .readWrite)) }
}

/// Shows `body` a database with a table `items (id, name UNIQUE)`, and closes it afterwards.
func withDatabase<Result>(
    gate: any CommitGate = LocalGate(),
    writeTimeout: Duration = .seconds(600),
    _ configure: (inout Database.Configuration) -> Void = { _ in },
    _ body: (Database, _ path: String) async throws -> Result
) async throws -> Result {
    try await withTemporaryFolder { folder in
        let path = "\(folder)/test.db"
        try makeItems(path)
        var configuration = Database.Configuration()
        configuration.writeTimeout = writeTimeout
        configure(&configuration)
        let database = try Database(path, gate: gate, configuration: configuration)
        defer { database.close() }
        return try await body(database, path)
    }
}

/// Makes the table `items`, if it is not there yet.
func makeItems(_ path: String) throws {
    try Connection(path, .readWrite).runScript(
        "CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER) STRICT"
    )
}

extension Connection {
    func insert(_ name: String) throws(SQLiteError) {
        try run("INSERT INTO items (name) VALUES (?1)", .text(name))
    }
}

extension Database {
    /// The names of all items that a reader sees, in order.
    func names() throws -> [String] {
        try read { connection in
            var names: [String] = []
            try connection.query("SELECT name FROM items ORDER BY name") { names.append($0.text(0)) }
            return names
        }
    }
}
