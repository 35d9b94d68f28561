import Foundation
import SQLite
@testable import Schema
import TestSupport
import Testing

@Suite struct MigratorTests {
    @Test func `migrations go up with their records, and down again`() async throws {
        try await withSchema { connection, folder in
            try folder.migration("20260101000000_a", up: "CREATE TABLE a (v);", down: "DROP TABLE a;")
            try folder.migration("20260102000000_b", up: "CREATE TABLE b (v);", down: "DROP TABLE b;")
            let migrator = try folder.migrator(connection)
            var told: [String] = []
            #expect(try migrator.run(.up, { $0.pending }, didRun: { told.append($0.name) }) == 2)
            #expect(told == ["20260101000000_a", "20260102000000_b"])
            #expect(try migrator.plan().applied.map(\.name) == told)
            let pattern = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/
            #expect(try migrator.plan().applied.allSatisfy { try pattern.wholeMatch(in: $0.applied) != nil })
            #expect(try schema(connection).count == 2)
            #expect(try migrator.run(.up) { $0.pending } == 0)

            #expect(try migrator.run(.down) { plan throws(SchemaError) in try plan.down(to: nil) } == 1)
            #expect(try schema(connection) == ["table a: CREATE TABLE a (v)"])
            #expect(try migrator.run(.down) { plan throws(SchemaError) in try plan.rollback() } == 1)
            #expect(try schema(connection) == [])
            #expect(try migrator.plan().pending.count == 2)
        }
    }

    @Test(arguments: [false, true])
    func `one step is one step, also when it has to begin anew`(isDurable: Bool) async throws {
        try await withSchema { connection, folder in
            try folder.migration("20260101000000_a", up: "CREATE TABLE a (v);", down: "DROP TABLE a;")
            try folder.migration("20260102000000_b", up: "CREATE TABLE b (v);", down: "DROP TABLE b;")
            for direction in [Migrator.Direction.up, .down] {
                let failure = isDurable ? GateFailure.notHere(7) : .overtaken
                let migrator = try folder.migrator(connection, gate: StumblingGate(at: 1, failure))
                let progress = RunProgress()
                var told: [String] = []
                let choose = { (plan: MigrationPlan) throws(SchemaError) -> [Migration] in
                    direction == .up ? try plan.up(to: nil) : try plan.down(to: nil)
                }
                let run = { try migrator.run(direction, choose, resuming: progress, didRun: { told.append($0.name) }) }
                #expect(throws: GateFailure.self) { _ = try run() }
                #expect(try run() == 1)
                #expect(told == [direction == .up ? "20260101000000_a" : "20260102000000_b"])
                if direction == .up { #expect(try folder.migrator(connection).run(.up) { $0.pending } == 1) }
            }
            #expect(try schema(connection) == ["table a: CREATE TABLE a (v)"])
        }
    }

    @Test func `looking changes nothing, also where nothing may be changed`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            _ = try Connection(path, .readWrite)
            let reader = try Connection(path, .readOnly)
            #expect(try Migrator(reader, gate: ClosedGate(), files: []).plan().pending.isEmpty)
            #expect(try number(reader, "SELECT count(*) FROM sqlite_schema") == 0)
        }
    }

    @Test func `one that fails leaves nothing behind, and says which statement on which line`() async throws {
        try await withSchema { connection, folder in
            try folder.migration("20260101000000_good", up: "CREATE TABLE good (v);")
            try folder.migration(
                "20260102000000_bad",
                up: "CREATE TABLE bad (v UNIQUE);\nINSERT INTO bad\n  VALUES (1);\n\nINSERT INTO bad VALUES (1);"
            )
            try folder.migration("20260103000000_later", up: "CREATE TABLE later (v);")
            let migrator = try folder.migrator(connection)
            let expected = SchemaError.failed(
                name: "20260102000000_bad",
                statement: 3,
                line: 6,
                reason: "UNIQUE constraint failed: bad.v"
            )
            for _ in 0..<2 {
                #expect(throws: expected) { _ = try migrator.run(.up) { $0.pending } }
                #expect(try schema(connection) == ["table good: CREATE TABLE good (v)"])
                #expect(try migrator.plan().pending.count == 2)
                #expect(!connection.isInTransaction)
                #expect(try number(connection, "PRAGMA foreign_keys") == 1)
            }
            #expect(
                expected.description
                    == "20260102000000_bad.sql failed at statement 3 (line 6) and was undone as a whole: "
                    + "UNIQUE constraint failed: bad.v"
            )
        }
    }

    @Test func `one that fails on its way down stays applied`() async throws {
        try await withSchema { connection, folder in
            try folder.migration(
                "20260101000000_a",
                up: "CREATE TABLE a (v);",
                down: "DROP TABLE a;\nDROP TABLE missing;"
            )
            try folder.migration("20260102000000_b", up: "CREATE TABLE b (v);")
            let migrator = try folder.migrator(connection)
            _ = try migrator.run(.up) { $0.pending }
            #expect(throws: SchemaError.noWayDown("20260102000000_b")) {
                try migrator.run(.down) { plan throws(SchemaError) in try plan.rollback() }
            }
            try folder.migration("20260102000000_b", up: "CREATE TABLE b (v);", down: "DROP TABLE b;")
            let mended = try folder.migrator(connection)
            let error = try #require(throws: SchemaError.self) {
                try mended.run(.down) { plan throws(SchemaError) in try plan.rollback() }
            }
            guard case .failed(let name, let statement, let line, _) = error else { throw error }
            #expect((name, statement, line) == ("20260101000000_a", 2, 6))
            #expect(try schema(connection) == ["table a: CREATE TABLE a (v)"])
            #expect(try mended.plan().applied.map(\.name) == ["20260101000000_a"])
        }
    }

    @Test func `what the gate refuses is not there`() async throws {
        try await withSchema { connection, folder in
            try folder.migration("20260101000000_a", up: "CREATE TABLE a (v);")
            #expect(throws: ClosedGate.Refusal.self) {
                try folder.migrator(connection, gate: ClosedGate()).run(.up) { $0.pending }
            }
            #expect(try number(connection, "SELECT count(*) FROM sqlite_schema") == 0)
            #expect(try folder.migrator(connection).run(.up) { $0.pending } == 1)
        }
    }

    @Test(
        arguments: [
            "COMMIT;", "BEGIN;", "ROLLBACK;", "SAVEPOINT a;", "ATTACH ':memory:' AS other;",
            "PRAGMA foreign_keys = ON;", "PRAGMA journal_mode = DELETE;", "PRAGMA writable_schema = ON;",
        ]
    )
    func `a migration may not end its transaction or change what durability rests on`(sql: String) async throws {
        try await withSchema { connection, folder in
            try folder.migration("20260101000000_a", up: "CREATE TABLE a (v);\n\(sql)\nCREATE TABLE b (v);")
            let error = try #require(throws: SchemaError.self) {
                try folder.migrator(connection).run(.up) { $0.pending }
            }
            guard case .failed(_, let statement, let line, let reason) = error else { throw error }
            #expect((statement, line) == (2, 3))
            #expect(reason.contains("transactions, ATTACH"))
            #expect(try number(connection, "SELECT count(*) FROM sqlite_schema") == 0)
        }
    }

    @Test func `one whose transaction ends from within fails, and nothing after it is written`() async throws {
        try await withSchema { connection, folder in
            try folder.migration(
                "20260101000000_a",
                up: """
                    CREATE TABLE a (v UNIQUE);
                    INSERT INTO a VALUES (1);
                    INSERT OR ROLLBACK INTO a VALUES (1);
                    CREATE TABLE b (v);
                    """
            )
            #expect(throws: SchemaError.self) { try folder.migrator(connection).run(.up) { $0.pending } }
            #expect(try number(connection, "SELECT count(*) FROM sqlite_schema") == 0)
        }
    }

    private static let families = """
        CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parents ON DELETE CASCADE);
        INSERT INTO parents VALUES (1, 'a'), (2, 'b');
        INSERT INTO children VALUES (10, 1), (20, 2);
        """

    @Test func `a table that others refer to can be rebuilt, and keeps what refers to it`() async throws {
        try await withSchema { connection, folder in
            try folder.migration("20260101000000_families", up: Self.families)
            // The way SQLite tells: <https://sqlite.org/lang_altertable.html#otheralter>.
            try folder.migration(
                "20260102000000_rebuild",
                up: """
                    CREATE TABLE new_parents (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
                    INSERT INTO new_parents SELECT id, name FROM parents;
                    DROP TABLE parents;
                    ALTER TABLE new_parents RENAME TO parents;
                    """
            )
            #expect(try folder.migrator(connection).run(.up) { $0.pending } == 2)
            #expect(try number(connection, "SELECT count(*) FROM children") == 2)
            #expect(try number(connection, "PRAGMA foreign_keys") == 1)
            try connection.run("DELETE FROM parents WHERE id = 1")
            #expect(try number(connection, "SELECT count(*) FROM children") == 1)
            #expect(throws: SQLiteError.self) { try connection.run("INSERT INTO children VALUES (30, 3)") }
        }
    }

    @Test func `one that leaves references to nothing is undone, and names the table`() async throws {
        try await withSchema { connection, folder in
            try folder.migration("20260101000000_families", up: Self.families)
            try folder.migration("20260102000000_breaks", up: "DELETE FROM parents WHERE id = 1;")
            #expect(throws: SchemaError.brokenReferences(name: "20260102000000_breaks", table: "children")) {
                try folder.migrator(connection).run(.up) { $0.pending }
            }
            #expect(try number(connection, "SELECT count(*) FROM parents") == 2)
            #expect(try number(connection, "PRAGMA foreign_keys") == 1)
        }
    }

    @Test func `a file that changed, or vanished, after it was applied is refused by name`() async throws {
        try await withSchema { connection, folder in
            try folder.migration("20260101000000_a", up: "CREATE TABLE a (v);")
            try folder.migration("20260102000000_b", up: "CREATE TABLE b (v);")
            _ = try folder.migrator(connection).run(.up) { $0.pending }
            try folder.migration("20260101000000_a", up: "CREATE TABLE a (w);")
            #expect(throws: SchemaError.changed("20260101000000_a")) { try folder.migrator(connection).plan() }
            try FileManager.default.removeItem(atPath: "\(folder.path)/20260101000000_a.sql")
            #expect(throws: SchemaError.vanished("20260101000000_a")) {
                _ = try folder.migrator(connection).run(.up) { $0.pending }
            }
        }
    }

    @Test func `connections that migrate at once do the work once`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            let files = SQLFolder(path: folder)
            for number in 10..<30 {
                try files.migration("202601010000\(number)_t", up: "CREATE TABLE t\(number) (v);")
            }
            _ = try Connection(path, .readWrite)
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let connection = try Connection(path, .readWrite)
                        return try SQLFolder(path: folder).migrator(connection).run(.up) { $0.pending }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(counts.reduce(0, +) == 20)
            let connection = try Connection(path, .readOnly)
            #expect(try number(connection, "SELECT count(*) FROM schema_migrations") == 20)
        }
    }

    @Test func `processes that migrate at once do the work once`() async throws {
        try await withTemporaryFolder { folder in
            let files = SQLFolder(path: folder)
            for number in 10..<30 {
                // Twice would fail, and so would the child.
                try files.migration("202601010000\(number)_t", up: "CREATE TABLE t\(number) (v);")
            }
            _ = try Connection("\(folder)/test.db", .readWrite)
            await withTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask {
                        await #expect(processExitsWith: .success) { [folder = folder as String] in
                            let connection = try Connection("\(folder)/test.db", .readWrite)
                            let migrator = try SQLFolder(path: folder).migrator(connection)
                            _ = try migrator.run(.up) { $0.pending }
                            guard try migrator.plan().pending.isEmpty else { fatalError("not all are applied") }
                        }
                    }
                }
            }
            let connection = try Connection("\(folder)/test.db", .readOnly)
            #expect(try number(connection, "SELECT count(*) FROM schema_migrations") == 20)
        }
    }
}
