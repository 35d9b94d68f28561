package import SQLite

/// Brings a database to the schema that the migration files describe.
///
/// Each migration is one transaction together with its record: it is there whole, or not at all. What is to be done is
/// decided inside that transaction, so two processes that migrate at once do the work once.
package struct Migrator {
    package enum Direction: Sendable {
        case up, down
    }

    private let connection: Connection
    private let gate: any CommitGate
    private let migrations: [Migration]

    /// Reads `files`, which come in the order of their names.
    package init(_ connection: Connection, gate: any CommitGate, files: [SQLFile]) throws(SchemaError) {
        self.connection = connection
        self.gate = gate
        var migrations: [Migration] = []
        for file in files { migrations.append(try Migration(file)) }
        self.migrations = migrations
    }

    /// What is applied and what is not; changes nothing, and works on a read-only connection.
    package func plan() throws -> MigrationPlan {
        try MigrationPlan(migrations, applied: try Self.applied(connection))
    }

    /// Does what `choose` picks from the plan, one after the other, and returns how many ran, with this `progress`.
    ///
    /// Asks `willRun` before each migration, which may throw to prevent it, and tells `didRun` of each as soon as it is
    /// durable. When the gate threw, it can go on from `progress` once the connection has what is durable.
    package func run(
        _ direction: Direction,
        _ choose: (MigrationPlan) throws(SchemaError) -> [Migration],
        resuming progress: RunProgress = RunProgress(),
        willRun: (String) throws -> Void = { _ in },
        didRun: (Migration) -> Void = { _ in }
    ) throws -> Int {
        // Chosen once, by name: while they run, one after the other, the plan moves under them.
        let chosen = try progress.remaining { try choose(try plan()).map(\.name) }
        for name in chosen {
            try willRun(name)
            var ran: Migration?
            func finish() {
                guard let ran else { return }
                progress.finish(name)
                didRun(ran)
            }
            do {
                try atomically {
                    let plan = try plan()
                    let isApplied = plan.applied.contains { $0.name == name }
                    guard isApplied == (direction == .down) else { return }
                    guard let migration = migrations.first(where: { $0.name == name }) else { return }
                    try run(direction, migration)
                    ran = migration
                }
            } catch let failure as GateFailure {
                if case .notHere = failure { finish() }
                throw failure
            }
            finish()
        }
        return progress.doneCount
    }

    private func run(_ direction: Direction, _ migration: Migration) throws {
        switch direction {
        case .up:
            try connection.runFile(migration.up)
            try connection.run(
                "INSERT INTO schema_migrations (name, up) VALUES (?1, ?2)",
                .text(migration.name),
                .text(migration.up.contents)
            )
        case .down:
            guard let down = migration.down else { throw SchemaError.noWayDown(migration.name) }
            try connection.runFile(down)
            try connection.run("DELETE FROM schema_migrations WHERE name = ?1", .text(migration.name))
        }
        // References are off while it runs, because a table is rebuilt by dropping the old one.
        let broken = try connection.first("SELECT \"table\" FROM pragma_foreign_key_check") { $0.text(0) }
        if let broken { throw SchemaError.brokenReferences(name: migration.name, table: broken) }
    }

    /// One transaction, with foreign keys off: the pragma is ignored inside one.
    private func atomically(_ body: () throws -> Void) throws {
        try connection.run("PRAGMA foreign_keys = OFF")
        do {
            try connection.begin()
            try connection.run(
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    name TEXT PRIMARY KEY,
                    up TEXT NOT NULL,
                    applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
                ) STRICT
                """
            )
            try body()
            _ = try gate.commit(connection)
            try connection.run("PRAGMA foreign_keys = ON")
        } catch {
            // What went wrong is what its reader must know.
            try? connection.rollback()
            _ = try? connection.run("PRAGMA foreign_keys = ON")
            throw error
        }
    }

    private static func applied(_ connection: Connection) throws -> [AppliedMigration] {
        guard try connection.hasTable("schema_migrations") else { return [] }
        var applied: [AppliedMigration] = []
        try connection.query("SELECT name, up, applied FROM schema_migrations ORDER BY name") { row in
            applied.append(AppliedMigration(name: row.text(0), up: row.text(1), applied: row.text(2)))
        }
        return applied
    }
}

extension Connection {
    func hasTable(_ name: String) throws(SQLiteError) -> Bool {
        try first("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", .text(name)) { _ in true } ?? false
    }

    /// Runs SQL that may not end the transaction it runs in, and names the statement that fails.
    func runFile(_ file: SQLFile) throws {
        do {
            _ = try restricted { connection in try connection.runScript(file.contents) }
        } catch let error as ScriptError {
            throw SchemaError.failed(
                name: file.name,
                statement: error.statement,
                line: file.firstLine + error.line - 1,
                reason: error.cause.message
            )
        }
    }
}
