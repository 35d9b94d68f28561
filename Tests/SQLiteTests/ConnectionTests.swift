import Foundation
import SQLite
import TestSupport
import Testing

@Suite struct ConnectionTests {
    static let values: [Value] = [
        .null,
        .integer(0), .integer(-1), .integer(.min), .integer(.max),
        .text(""), .text("a"), .text("\0"), .text("before\0after"), .text("\u{1F9F6} na\u{EF}ve \u{2028}"),
        .text(String(repeating: "long ", count: 400_000)),
        .blob([]), .blob([0]), .blob(Array(0...255)), .blob([0xFF, 0xFE, 0x00]),
        .blob([UInt8](repeating: 0xA5, count: 2 << 20)),
    ]

    @Test(arguments: values)
    func `a value comes back as it was bound`(value: Value) async throws {
        try await withConnection { connection in
            try connection.runScript("CREATE TABLE t (v ANY) STRICT")
            try connection.run("INSERT INTO t VALUES (?1)", value)
            let (type, found) = try #require(
                try connection.first("SELECT v, typeof(v) FROM t") { row in
                    let type = row.text(1)
                    switch type {
                    case "integer": return (type, Value.integer(row.integer(0)))
                    case "text": return (type, Value.text(row.text(0)))
                    case "blob": return (type, Value.blob(row.blob(0)))
                    default: return (type, row.isNull(0) && row.textOrNull(0) == nil ? Value.null : .text("?"))
                    }
                }
            )
            #expect(type != "real")
            #expect(found == value)
        }
    }

    @Test func `bindings of one run do not reach the next`() async throws {
        try await withConnection { connection in
            for value in [Value.text("first"), .null, .blob([1])] {
                let found = try connection.first("SELECT ?1 IS NULL", value) { $0.integer(0) }
                #expect(found == (value == .null ? 1 : 0))
            }
        }
    }

    @Test func `a statement with fewer or more values than it asks for is refused, not filled with NULL`() async throws
    {
        try await withConnection { connection in
            try connection.runScript("CREATE TABLE t (a, b)")
            #expect(throws: SQLiteError.self) { try connection.run("INSERT INTO t VALUES (?1, ?2)", .integer(1)) }
            #expect(throws: SQLiteError.self) {
                try connection.run("INSERT INTO t VALUES (?1, ?1)", .integer(1), .integer(2))
            }
            #expect(try connection.first("SELECT count(*) FROM t") { $0.integer(0) } == 0)
        }
    }

    @Test func `text that is not UTF-8 comes out repaired, not as a crash`() async throws {
        try await withConnection { connection in
            let text = try connection.first("SELECT CAST(X'61FF62' AS TEXT)") { $0.text(0) }
            #expect(text == "a\u{FFFD}b")
        }
    }

    @Test func `a run tells how many rows it changed`() async throws {
        try await withConnection { connection in
            try connection.runScript("CREATE TABLE t (v)")
            #expect(try connection.run("INSERT INTO t VALUES (1), (2), (3)") == 3)
            #expect(try connection.run("UPDATE t SET v = 0 WHERE v > 1") == 2)
            #expect(try connection.run("DELETE FROM t WHERE v = 99") == 0)
        }
    }

    @Test func `an error carries its extended code and the SQL`() async throws {
        try await withConnection { connection in
            try connection.runScript(
                """
                CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT UNIQUE CHECK (name <> ''));
                CREATE TABLE c (p INTEGER NOT NULL REFERENCES p);
                INSERT INTO p VALUES (1, 'a');
                """
            )
            // Codes from <https://sqlite.org/rescode.html>.
            let cases: [(StaticString, Int32, isConstraint: Bool, isDuplicate: Bool)] = [
                ("INSERT INTO p VALUES (1, 'b')", 1555, true, true),
                ("INSERT INTO p VALUES (2, 'a')", 2067, true, true),
                ("INSERT INTO p VALUES (2, '')", 275, true, false),
                ("INSERT INTO c VALUES (NULL)", 1299, true, false),
                ("INSERT INTO c VALUES (7)", 787, true, false),
                ("SELECT nothing FROM nowhere", 1, false, false),
            ]
            for (sql, code, isConstraint, isDuplicate) in cases {
                let error = try #require(throws: SQLiteError.self) { try connection.run(sql) }
                #expect(error.code == code)
                #expect(error.sql == sql.description)
                #expect(error.isConstraint == isConstraint && error.isDuplicate == isDuplicate)
                #expect(error.description.contains(sql.description) && error.description.contains("\(code)"))
            }
        }
    }

    @Test func `a connection that writes is set up for durability`() async throws {
        try await withConnection { connection in
            let settings: [(StaticString, String)] = [
                ("PRAGMA journal_mode", "wal"), ("PRAGMA synchronous", "2"), ("PRAGMA foreign_keys", "1"),
                ("PRAGMA wal_autocheckpoint", "0"), ("PRAGMA cache_spill", "0"), ("PRAGMA mmap_size", "0"),
                ("PRAGMA trusted_schema", "0"),
            ]
            for (sql, expected) in settings {
                let found = try connection.first(sql) { $0.text(0) }
                #expect(found == expected, "\(sql)")
            }
        }
    }

    @Test func `a read-only connection reads, and refuses to write`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            try makeItems(path)
            let writer = try Connection(path, .readWrite)
            let reader = try Connection(path, .readOnly)
            try writer.insert("a")
            #expect(try reader.first("SELECT name FROM items") { $0.text(0) } == "a")
            #expect(try reader.first("PRAGMA foreign_keys") { $0.text(0) } == "1")
            #expect(try reader.first("PRAGMA mmap_size") { $0.text(0) } == "0")
            let error = try #require(throws: SQLiteError.self) { try reader.insert("b") }
            #expect(error.isInaccessible)
            #expect(throws: SQLiteError.self) { try reader.run("CREATE TABLE other (a)") }
            #expect(try writer.first("SELECT count(*) FROM items") { $0.integer(0) } == 1)
        }
    }

    @Test func `what cannot be opened is told apart`() async throws {
        try await withTemporaryFolder { folder in
            let inaccessible = try #require(throws: SQLiteError.self) {
                try Connection("\(folder)/no/a.db", .readWrite)
            }
            #expect(inaccessible.isInaccessible && inaccessible.message.contains("\(folder)/no/a.db"))
            #expect(throws: SQLiteError.self) { try Connection("\(folder)/missing.db", .readOnly) }
            #expect(fileSize("\(folder)/missing.db") == nil)

            let junk = "\(folder)/junk.db"
            try Data(repeating: 0x41, count: 8192).write(to: URL(filePath: junk))
            let damaged = try #require(throws: SQLiteError.self) { try Connection(junk, .readWrite) }
            #expect(damaged.isDamaged)

            // WAL needs a file.
            #expect(throws: SQLiteError.self) { try Connection(":memory:", .readWrite) }
            #expect(throws: SQLiteError.self) { try Connection("", .readWrite) }
        }
    }

    @Test func `a path that looks like a URI is a path`() async throws {
        // Taken as a URI, `nolock=1` would let a second process write unseen.
        let name = "file:holdfast-\(UUID().uuidString).db?nolock=1"
        let misread = "./" + name.dropFirst("file:".count).prefix { $0 != "?" }
        defer {
            for path in ["./\(name)", "./\(name)-wal", "./\(name)-shm", misread, "\(misread)-wal", "\(misread)-shm"] {
                try? FileManager.default.removeItem(atPath: path)
            }
        }
        _ = try Connection(name, .readWrite)
        #expect(fileSize("./\(name)") != nil)
    }

    @Test func `a file in another encoding is refused, not misread`() async throws {
        try await withTemporaryFolder { folder in
            // Four bytes from the 56th on: 1 is UTF-8, 2 is UTF-16le. See <https://sqlite.org/fileformat.html>.
            let path = "\(folder)/test.db"
            _ = try Connection(path, .readWrite)
            var bytes = try Data(contentsOf: URL(filePath: path))
            bytes[59] = 2
            try bytes.write(to: URL(filePath: path))
            let error = try #require(throws: SQLiteError.self) { try Connection(path, .readWrite) }
            #expect(error.message.contains("UTF-8"))
        }
    }

    @Test func `a query can be left early and asked again`() async throws {
        try await withConnection { connection in
            for _ in 0..<3 {
                #expect(throws: SQLiteError.self) {
                    try connection.query("SELECT value FROM json_each('[1,2,3]')") { _ throws(SQLiteError) in
                        throw SQLiteError.unreadable("enough")
                    }
                }
            }
            var sum: Int64 = 0
            try connection.query("SELECT value FROM json_each('[1,2,3]')") { sum += $0.integer(0) }
            #expect(sum == 6)
        }
    }

    @Test func `a statement survives that the schema changes under it`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            try makeItems(path)
            let (one, other) = (try Connection(path, .readWrite), try Connection(path, .readWrite))
            try one.insert("a")
            try other.runScript("ALTER TABLE items ADD COLUMN extra TEXT")
            try one.insert("b")
            #expect(try other.first("SELECT count(*) FROM items") { $0.integer(0) } == 2)
        }
    }
}
