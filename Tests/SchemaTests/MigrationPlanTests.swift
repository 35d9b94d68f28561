@testable import Schema
import Testing

/// Files and records are written as letters; `a` changed afterwards is `a!`.
@Suite struct MigrationPlanTests {
    private static func plan(files: String, applied: String) throws(SchemaError) -> MigrationPlan {
        var migrations: [Migration] = []
        for file in files {
            let contents = "-- migrate:up\nSELECT '\(file)';\n-- migrate:down\nSELECT 0;"
            migrations.append(try Migration(SQLFile(name: String(file), contents: contents)))
        }
        var records: [AppliedMigration] = []
        for letter in applied where letter != "!" {
            records.append(AppliedMigration(name: String(letter), up: "SELECT '\(letter)';", applied: "then"))
        }
        if applied.last == "!", let last = records.popLast() {
            records.append(AppliedMigration(name: last.name, up: "SELECT 'other';", applied: "then"))
        }
        return try MigrationPlan(migrations, applied: records)
    }

    private static func letters(_ migrations: [Migration]) -> String { migrations.map(\.name).joined() }

    @Test(
        arguments: [
            ("", "", ""), ("abc", "", "abc"), ("abc", "a", "bc"), ("abc", "abc", ""),
        ]
    )
    func `pending is what is not applied, in order`(files: String, applied: String, pending: String) throws {
        let plan = try Self.plan(files: files, applied: applied)
        #expect(Self.letters(plan.pending) == pending)
        #expect(plan.applied.map(\.name).joined() == applied)
    }

    @Test(
        arguments: [
            ("abc", "ab!", SchemaError.changed("b")),
            ("a", "a!", .changed("a")),
            ("bc", "ab", .vanished("a")),
            ("ac", "abc", .vanished("b")),
            ("ab", "abc", .databaseIsNewer("c")),
            ("", "a", .databaseIsNewer("a")),
            ("abc", "ac", .outOfOrder(name: "b", appliedAfter: "c")),
            ("ab", "b", .outOfOrder(name: "a", appliedAfter: "b")),
        ]
    )
    func `where files and database contradict each other, nothing is done`(
        files: String,
        applied: String,
        error: SchemaError
    ) {
        #expect(throws: error) { try Self.plan(files: files, applied: applied) }
    }

    @Test(
        arguments: [
            (nil, "a", "b"), ("b", "a", "b"), ("d", "a", "bcd"), ("d.sql", "a", "bcd"), ("a", "a", ""),
            (nil, "abcd", ""), (nil, "", "a"),
        ] as [(String?, String, String)]
    )
    func `up is one, or all up to a name`(name: String?, applied: String, chosen: String) throws {
        let plan = try Self.plan(files: "abcd", applied: applied)
        #expect(Self.letters(try plan.up(to: name)) == chosen)
    }

    @Test(
        arguments: [
            (nil, "abc", "c"), ("b", "abcd", "dc"), ("a", "abcd", "dcb"), ("c", "abc", ""), ("d", "abc", ""),
            ("b.sql", "abcd", "dc"), (nil, "", ""),
        ] as [(String?, String, String)]
    )
    func `down is one, or all after a name, the newest first`(name: String?, applied: String, chosen: String) throws {
        let plan = try Self.plan(files: "abcd", applied: applied)
        #expect(Self.letters(try plan.down(to: name)) == chosen)
    }

    @Test func `rollback is everything, the newest first`() throws {
        #expect(Self.letters(try Self.plan(files: "abcd", applied: "abc").rollback()) == "cba")
    }

    @Test func `a name that is not there is named`() throws {
        let plan = try Self.plan(files: "ab", applied: "a")
        #expect(throws: SchemaError.unknown("migration named z")) { try plan.up(to: "z") }
        #expect(throws: SchemaError.unknown("migration named z")) { try plan.down(to: "z.sql") }
    }
}
