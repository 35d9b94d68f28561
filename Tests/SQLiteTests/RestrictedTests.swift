import SQLite
import Testing

@Suite struct RestrictedTests {
    static let forbidden = [
        "BEGIN", "BEGIN IMMEDIATE", "COMMIT", "END", "ROLLBACK", "SAVEPOINT a", "RELEASE job", "ROLLBACK TO job",
        "ATTACH ':memory:' AS other", "DETACH other", "VACUUM", "VACUUM INTO '/nowhere/copy.db'",
        "PRAGMA journal_mode = DELETE", "PRAGMA Synchronous = OFF", "PRAGMA main.synchronous(0)", "PRAGMA synchronous",
        "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA wal_checkpoint", "PRAGMA wal_autocheckpoint = 1",
        "PRAGMA cache_spill = ON", "PRAGMA mmap_size = 1000000", "PRAGMA writable_schema = ON",
        "PRAGMA foreign_keys = OFF", "PRAGMA ignore_check_constraints = ON", "PRAGMA query_only = ON",
        "PRAGMA hard_heap_limit = 1", "PRAGMA journal_size_limit = 0", "PRAGMA page_size = 512",
        "SELECT * FROM pragma_journal_mode", "SELECT * FROM pragma_synchronous",
    ]

    @Test(arguments: forbidden)
    func `restricted SQL may not touch transactions or durability`(sql: String) async throws {
        try await withConnection { connection in
            try connection.runScript("CREATE TABLE t (v)")
            try connection.begin()
            try connection.runScript("SAVEPOINT job; INSERT INTO t VALUES (1)")
            let before = try state(connection)
            #expect(throws: (any Error).self) { try connection.restricted { _ = try $0.runScript(sql) } }
            #expect(connection.isInTransaction)
            #expect(try state(connection) == before)
            try connection.commit()
            #expect(try connection.first("SELECT count(*) FROM t") { $0.integer(0) } == 1)
        }
    }

    private func state(_ connection: Connection) throws -> [String?] {
        [
            try connection.first("PRAGMA journal_mode") { $0.text(0) },
            try connection.first("PRAGMA synchronous") { $0.text(0) },
            try connection.first("PRAGMA locking_mode") { $0.text(0) },
            try connection.first("PRAGMA foreign_keys") { $0.text(0) },
            try connection.first("PRAGMA wal_autocheckpoint") { $0.text(0) },
            try connection.first("PRAGMA cache_spill") { $0.text(0) },
            try connection.first("PRAGMA ignore_check_constraints") { $0.text(0) },
        ]
    }

    @Test(
        arguments: [
            "PRAGMA table_info(t)", "PRAGMA foreign_key_check", "PRAGMA user_version = 7",
            "PRAGMA defer_foreign_keys = ON", "SELECT name FROM pragma_table_info('t')", "CREATE TABLE u (v)",
            "DROP TABLE t", "CREATE TEMP TABLE w (v)",
        ]
    )
    func `restricted SQL may do what ends with the transaction`(sql: String) async throws {
        try await withConnection { connection in
            try connection.runScript("CREATE TABLE t (v)")
            try connection.begin()
            _ = try connection.restricted { try $0.runScript(sql) }
            try connection.commit()
        }
    }

    @Test func `what the owner prepared before is forbidden as well`() async throws {
        try await withConnection { connection in
            try connection.runScript("CREATE TABLE t (v)")
            // All of these are in the cache of statements afterwards.
            try connection.begin()
            try connection.run("PRAGMA synchronous")
            try connection.rollback()
            try connection.begin()
            try connection.commit()

            try connection.begin()
            try connection.run("INSERT INTO t VALUES (1)")
            let attempts: [(Connection) throws -> Void] = [
                { try $0.commit() }, { try $0.rollback() }, { try $0.begin() }, { try $0.run("PRAGMA synchronous") },
            ]
            for attempt in attempts {
                let error = try #require(throws: SQLiteError.self) { try connection.restricted(attempt) }
                #expect(error.message.contains("transactions, ATTACH"))
                #expect(connection.isInTransaction)
            }
            // And the owner may go on.
            try connection.rollback()
            #expect(try connection.first("SELECT count(*) FROM t") { $0.integer(0) } == 0)
        }
    }

    @Test func `the restriction holds to the end of the outer body`() async throws {
        try await withConnection { connection in
            try connection.begin()
            #expect(throws: SQLiteError.self) {
                try connection.restricted { connection in
                    try connection.restricted { _ in }
                    try connection.commit()
                }
            }
            try connection.rollback()
        }
    }

    @Test func `a body that overlooks that its transaction has ended fails, and writes nothing more`() async throws {
        try await withConnection { connection in
            try connection.runScript("CREATE TABLE t (v UNIQUE); INSERT INTO t VALUES (1)")
            try connection.begin()
            #expect(throws: SQLiteError.self) {
                try connection.restricted { connection in
                    try connection.run("INSERT INTO t VALUES (2)")
                    _ = try? connection.run("INSERT OR ROLLBACK INTO t VALUES (1)")
                    _ = try? connection.run("INSERT INTO t VALUES (3)")
                }
            }
            #expect(try connection.first("SELECT count(*) FROM t") { $0.integer(0) } == 1)
        }
    }
}
