@testable import SQLite
import Testing

@Suite struct ScriptTests {
    @Test(
        arguments: [
            ("", 0), (" \n\t;;\r\n; ", 0), ("-- only a comment", 0), ("/* open to the end", 0), ("/*/ not closed", 0),
            ("SELECT 1", 1), ("SELECT 1;", 1), ("SELECT 1; -- last\n", 1), ("/* a */ SELECT 1; /* b */ SELECT 2", 2),
            ("SELECT '; -- not a comment'; SELECT 2;", 2), ("SELECT 1;;;SELECT 2", 2),
            ("CREATE TABLE t (a); CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END; SELECT 3", 3),
            ("SELECT '\u{1F9F6}'; SELECT \"name\" FROM sqlite_schema", 2),
        ]
    )
    func `a script is as many statements as SQLite sees in it`(sql: String, count: Int) async throws {
        let found = try await withConnection { try $0.runScript(sql) }
        #expect(found == count)
    }

    @Test(
        arguments: [
            ("nonsense", 1, 1),
            ("SELECT 1;\nSELECT 2;\n\n-- why\n/* and\nhow */ SELECT broken\n  FROM nowhere;", 3, 6),
            ("\n\n  INSERT INTO missing\nVALUES (1)", 1, 3),
            ("SELECT 'two\nlines'; oops", 2, 2),
            (";;\n;\nSELECT 1;\nCREATE TABLE (", 2, 4),
            ("SELECT 1; SELECT 'never closed", 2, 1),
        ]
    )
    func `the statement that fails is named with its line`(sql: String, statement: Int, line: Int) async throws {
        try await withConnection { connection in
            let error = try #require(throws: ScriptError.self) { try connection.runScript(sql) }
            #expect(error.statement == statement)
            #expect(error.line == line)
        }
    }

    @Test func `a NUL is refused, because SQLite would stop there without a word`() async throws {
        try await withConnection { connection in
            #expect(throws: ScriptError.self) { try connection.runScript("CREATE TABLE a (x); \0 CREATE TABLE b (x);") }
            let count = try connection.first("SELECT count(*) FROM sqlite_schema") { $0.integer(0) }
            #expect(count == 0)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `the time for a script grows with its length, not with the square of it`() async throws {
        try await withConnection { connection in
            // Copying the rest for each statement, this would move 800 GB.
            let row = "INSERT INTO t VALUES ('\(String(repeating: "x", count: 230))');\n"
            try connection.begin()
            let count = try connection.runScript("CREATE TABLE t (v);" + String(repeating: row, count: 60_000))
            try connection.commit()
            #expect(count == 60_001)
        }
    }
}
