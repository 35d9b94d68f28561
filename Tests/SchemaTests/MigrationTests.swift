@testable import Schema
import Testing

@Suite struct MigrationTests {
    private func parse(_ contents: String) throws -> Migration {
        try Migration(SQLFile(name: "20260102000000_a", contents: contents))
    }

    @Test(
        arguments: [
            ("-- migrate:up\nA;\n-- migrate:down\nB;\n", "A;", 2, "B;\n", 4),
            ("\n-- a remark\n\n-- migrate:up\n\nA;\nA2;\n\n-- migrate:down\n\nB;", "\nA;\nA2;\n", 5, "\nB;", 10),
            ("-- migrate:down\nB;\n-- migrate:up\nA;", "A;", 4, "B;", 2),
            ("-- migrate:up\n-- migrate:down", "", 2, "", 3),
            // However the mark is typed: taken for a comment, the way down would run as part of the way up.
            ("--migrate:up\nA;\n--migrate:down\nB;", "A;", 2, "B;", 4),
            ("  --   Migrate:Up  \nA;\n---- MIGRATE:DOWN\t\nB;", "A;", 2, "B;", 4),
        ]
    )
    func `both ways are read, with the line they start on`(
        contents: String,
        up: String,
        upLine: Int,
        down: String,
        downLine: Int
    ) throws {
        let migration = try parse(contents)
        #expect(migration.name == "20260102000000_a")
        #expect(migration.up.contents == up && migration.up.firstLine == upLine)
        #expect(migration.down?.contents == down && migration.down?.firstLine == downLine)
    }

    @Test func `a way down may be missing`() throws {
        #expect(try parse("-- migrate:up\nA;").down == nil)
    }

    @Test(
        arguments: [
            ("", "there is no `-- migrate:up` line"),
            ("-- only a remark\n", "there is no `-- migrate:up` line"),
            ("-- migrate:down\nB;", "there is no `-- migrate:up` line"),
            ("CREATE TABLE a (b);", "SQL stands before the `-- migrate:up` line"),
            ("A;\n-- migrate:up\nB;", "SQL stands before the `-- migrate:up` line"),
            ("-- migrate:up\nA;\n-- migrate:up\nB;", "`-- migrate:up` stands twice"),
            ("-- migrate:up\nA;\n-- migrate:down\n-- migrate:down", "`-- migrate:down` stands twice"),
            (
                "-- migrate:up transaction:false\nA;",
                "line 1, `-- migrate:up transaction:false`: only `-- migrate:up` and `-- migrate:down` are known"
            ),
            (
                "-- migrate:up\nA;\n\n--migrate:dwn\nB;",
                "line 4, `--migrate:dwn`: only `-- migrate:up` and `-- migrate:down` are known"
            ),
        ]
    )
    func `a file that is not clear is refused with the reason`(contents: String, reason: String) {
        #expect(throws: SchemaError.badFile(name: "20260102000000_a", reason: reason)) { try parse(contents) }
    }

    @Test func `the template is a migration`() throws {
        let migration = try parse(Migration.template)
        #expect(migration.down != nil)
    }
}
