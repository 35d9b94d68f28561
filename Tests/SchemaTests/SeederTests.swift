import SQLite
@testable import Schema
import Testing

@Suite struct SeederTests {
    private func withSeeds<Result>(_ body: (Connection, SQLFolder) throws -> Result) async throws -> Result {
        try await withSchema { connection, folder in
            try connection.runScript("CREATE TABLE birds (name TEXT)")
            try folder.write("20260101000000_herons", "INSERT INTO birds VALUES ('heron');")
            try folder.write("20260102000000_owls", "INSERT INTO birds VALUES ('owl'), ('owlet');")
            return try body(connection, folder)
        }
    }

    private func birds(_ connection: Connection) throws -> [String] {
        var names: [String] = []
        try connection.query("SELECT name FROM birds ORDER BY rowid") { names.append($0.text(0)) }
        return names
    }

    @Test func `seeds run in order, and a second time changes nothing`() async throws {
        try await withSeeds { connection, folder in
            let seeder = try folder.seeder(connection)
            #expect(try seeder.list().map(\.applied) == [nil, nil])
            var told: [String] = []
            #expect(try seeder.run { told.append($0) } == 2)
            #expect(told == ["20260101000000_herons", "20260102000000_owls"])
            #expect(try seeder.list().map(\.name) == told)
            #expect(try seeder.list().allSatisfy { $0.applied != nil })
            #expect(try seeder.run { told.append($0) } == 0)
            #expect(told.count == 2)
            #expect(try birds(connection) == ["heron", "owl", "owlet"])
            #expect(!connection.isInTransaction)
        }
    }

    @Test func `force runs them again, and only the one that is named if one is named`() async throws {
        try await withSeeds { connection, folder in
            let seeder = try folder.seeder(connection)
            #expect(try seeder.run(only: "20260102000000_owls") == 1)
            #expect(try birds(connection) == ["owl", "owlet"])
            #expect(try seeder.run(only: "20260102000000_owls.sql") == 0)
            #expect(try seeder.run(only: "20260102000000_owls", isForced: true) == 1)
            #expect(try birds(connection) == ["owl", "owlet", "owl", "owlet"])
            #expect(try seeder.run(isForced: true) == 2)
            #expect(try birds(connection).count == 7)
            #expect(throws: SchemaError.unknown("seed named crows")) { try seeder.run(only: "crows") }
        }
    }

    @Test func `a seed that fails leaves nothing behind, and those before it stay`() async throws {
        try await withSeeds { connection, folder in
            try folder.write(
                "20260103000000_bad",
                "INSERT INTO birds VALUES ('crow');\n\nINSERT INTO trees VALUES (1);"
            )
            let seeder = try folder.seeder(connection)
            let expected = SchemaError.failed(
                name: "20260103000000_bad",
                statement: 2,
                line: 3,
                reason: "no such table: trees"
            )
            #expect(throws: expected) { _ = try seeder.run() }
            #expect(try birds(connection) == ["heron", "owl", "owlet"])
            #expect(try seeder.list().map { $0.applied == nil } == [false, false, true])
            #expect(!connection.isInTransaction)
        }
    }

    @Test(arguments: ["COMMIT;", "PRAGMA synchronous = OFF;"])
    func `a seed may not end its transaction or change what durability rests on`(sql: String) async throws {
        try await withSeeds { connection, folder in
            try folder.write("20260103000000_bad", "INSERT INTO birds VALUES ('crow');\n\(sql)")
            #expect(throws: SchemaError.self) { _ = try folder.seeder(connection).run(only: "20260103000000_bad") }
            #expect(try birds(connection) == [])
        }
    }

    @Test func `what the gate refuses is not there`() async throws {
        try await withSeeds { connection, folder in
            #expect(throws: ClosedGate.Refusal.self) { _ = try folder.seeder(connection, gate: ClosedGate()).run() }
            #expect(try birds(connection) == [])
            let count = try folder.seeder(connection).run()
            #expect(count == 2)
        }
    }

    @Test(arguments: [false, true], [1, 2])
    func `what is durable is not put in again when the rest has to begin anew`(isDurable: Bool, number: Int)
        async throws
    {
        try await withSeeds { connection, folder in
            let failure = isDurable ? GateFailure.notHere(7) : .overtaken
            let seeder = try folder.seeder(connection, gate: StumblingGate(at: number, failure))
            let progress = RunProgress()
            var told: [String] = []
            #expect(throws: GateFailure.self) {
                _ = try seeder.run(isForced: true, resuming: progress) { told.append($0) }
            }
            #expect(try seeder.run(isForced: true, resuming: progress) { told.append($0) } == 2)
            #expect(told == ["20260101000000_herons", "20260102000000_owls"])
            #expect(try birds(connection) == ["heron", "owl", "owlet"])
        }
    }

    @Test func `a seed whose references lead nowhere is undone`() async throws {
        try await withSeeds { connection, folder in
            try connection.runScript(
                """
                CREATE TABLE nests (id INTEGER PRIMARY KEY);
                CREATE TABLE eggs (nest INTEGER REFERENCES nests DEFERRABLE INITIALLY DEFERRED);
                """
            )
            try folder.write("20260103000000_eggs", "INSERT INTO eggs VALUES (1);")
            let seeder = try folder.seeder(connection)
            #expect(throws: SQLiteError.self) { _ = try seeder.run(only: "20260103000000_eggs") }
            #expect(!connection.isInTransaction)
            #expect(try number(connection, "SELECT count(*) FROM eggs") == 0)
        }
    }

    @Test func `the template is a seed`() async throws {
        try await withSeeds { connection, folder in
            try folder.write("20260103000000_new", Seeder.template)
            #expect(try folder.seeder(connection).run() == 3)
        }
    }
}
