import Domain
import Foundation
import SQLite
import Schema
import Storage
import Synchronization
import TestSupport

/// The repositories on a new file with the program's own schema, and a clock that is set by hand.
struct Stored: Sendable {
    let database: Database
    let clock = Clock()

    var todos: SQLiteTodoRepository { SQLiteTodoRepository(database, now: clock.now) }
    var users: SQLiteUserRepository { SQLiteUserRepository(database, now: clock.now) }
    var pastes: SQLitePasteRepository { SQLitePasteRepository(database, now: clock.now) }
}

final class Clock: Sendable {
    private let seconds = Mutex<Int64>(1_660_000_000)

    @Sendable func now() -> Timestamp { Timestamp(secondsSinceEpoch: seconds.withLock { $0 }) }

    func advance(by count: Int64 = 61) { seconds.withLock { $0 += count } }
}

func withStorage<Result>(
    gate: any CommitGate = LocalGate(),
    writeTimeout: Duration = .seconds(600),
    _ body: (Stored) async throws -> Result
) async throws -> Result {
    try await withTemporaryFolder { folder in
        let path = "\(folder)/test.db"
        let migrations = URL(filePath: #filePath).appending(path: "../../../Migrations").standardized.path
        let files = try SQLFile.all(in: migrations)
        _ = try Migrator(try Connection(path, .readWrite), gate: LocalGate(), files: files).run(.up) { $0.pending }
        var configuration = Database.Configuration()
        configuration.writeTimeout = writeTimeout
        let database = try Database(path, gate: gate, configuration: configuration)
        defer { database.close() }
        return try await body(Stored(database: database))
    }
}
