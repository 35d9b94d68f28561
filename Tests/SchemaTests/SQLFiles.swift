import Foundation
import SQLite
import Schema
import Synchronization
import TestSupport

/// Shows `body` a new database, and a folder for SQL files.
func withSchema<Result>(_ body: (Connection, SQLFolder) async throws -> Result) async throws -> Result {
    try await withTemporaryFolder { folder in
        let files = SQLFolder(path: "\(folder)/files")
        try FileManager.default.createDirectory(atPath: files.path, withIntermediateDirectories: false)
        return try await body(try Connection("\(folder)/test.db", .readWrite), files)
    }
}

/// A folder of SQL files as a person would fill it.
struct SQLFolder {
    let path: String

    func write(_ name: String, _ contents: String) throws {
        try Data(contents.utf8).write(to: URL(filePath: "\(path)/\(name).sql"))
    }

    func migration(_ name: String, up: String, down: String? = nil) throws {
        try write(name, "-- migrate:up\n\(up)\n" + (down.map { "\n-- migrate:down\n\($0)\n" } ?? ""))
    }

    func files() throws -> [SQLFile] { try SQLFile.all(in: path) }

    func migrator(_ connection: Connection, gate: any CommitGate = LocalGate()) throws -> Migrator {
        try Migrator(connection, gate: gate, files: try files())
    }

    func seeder(_ connection: Connection, gate: any CommitGate = LocalGate()) throws -> Seeder {
        Seeder(connection, gate: gate, files: try files())
    }
}

/// Refuses every commit.
struct ClosedGate: CommitGate {
    struct Refusal: Error {}

    func commit(_ connection: Connection) throws -> UInt64? { throw Refusal() }
}

/// Lets one commit fail, as a gate with a log does, and all others through.
final class StumblingGate: CommitGate {
    private let failure: GateFailure
    private let commitsLeft: Mutex<Int>

    /// The commit with this number fails; the first is 1.
    init(at number: Int, _ failure: GateFailure) {
        self.failure = failure
        commitsLeft = Mutex(number)
    }

    func commit(_ connection: Connection) throws -> UInt64? {
        let fails = commitsLeft.withLock { left in
            left -= 1
            return left == 0
        }
        if case .notHere = failure, fails { try connection.commit() }
        if fails { throw failure }
        try connection.commit()
        return nil
    }
}

/// The SQL of everything in the schema but our own records, sorted.
func schema(_ connection: Connection) throws -> [String] {
    var found: [String] = []
    try connection.query("SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1") {
        row in
        let text = row.text(0)
        if !text.contains("schema_migrations"), !text.contains("schema_seeds"), !text.contains("sqlite_sequence") {
            found.append(text)
        }
    }
    return found
}

/// The first column of the first row.
func number(_ connection: Connection, _ sql: StaticString) throws -> Int64? {
    try connection.first(sql) { $0.integer(0) }
}
