import Foundation
@testable import Schema
import TestSupport
import Testing

@Suite struct SQLFileTests {
    @Test func `a folder's SQL files come in the order of their names, and others are left alone`() async throws {
        try await withTemporaryFolder { folder in
            let files = SQLFolder(path: folder)
            for name in ["20260102000000_b", "20250101000000_z", "20260102000000_a", ".hidden"] {
                try files.write(name, "SELECT '\(name)'")
            }
            try Data().write(to: URL(filePath: "\(folder)/README.md"))
            let found = try files.files()
            #expect(found.map(\.name) == ["20250101000000_z", "20260102000000_a", "20260102000000_b"])
            #expect(found.first?.contents == "SELECT '20250101000000_z'")
        }
    }

    @Test(
        arguments: [
            "create", "2026010200000_short", "202601020000000_long", "20260102000000", "20260102000000_",
            "20260102000000_Upper", "20260102000000_a b", "20260102000000-a", "2026010200000\u{661}_a",
            "20260102000000_\u{E4}",
        ]
    )
    func `a file with another name is refused by its name`(name: String) async throws {
        try await withTemporaryFolder { folder in
            let files = SQLFolder(path: folder)
            try files.write(name, "")
            #expect(throws: SchemaError.badFileName("\(name).sql")) { try files.files() }
        }
    }

    @Test(
        arguments: [
            "a\nb\nc", "a\r\nb\r\nc", "\u{FEFF}a\nb\nc", "\u{FEFF}a\r\nb\r\nc",
        ]
    )
    func `where a file was saved makes no difference`(contents: String) async throws {
        try await withTemporaryFolder { folder in
            let files = SQLFolder(path: folder)
            try files.write("20260102000000_a", contents)
            #expect(try files.files().map { Array($0.contents.utf8) } == [Array("a\nb\nc".utf8)])
        }
    }

    @Test func `what cannot be read is named, with the reason`() async throws {
        try await withTemporaryFolder { folder in
            let files = SQLFolder(path: folder)
            let path = "\(folder)/20260102000000_a.sql"
            try Data([0x53, 0xFF]).write(to: URL(filePath: path))
            #expect(throws: SchemaError.unreadable(path: path, reason: "it is not UTF-8 text")) { try files.files() }

            let handle = try #require(FileHandle(forWritingAtPath: path))
            try handle.truncate(atOffset: (16 << 20) + 1)
            #expect(throws: SchemaError.unreadable(path: path, reason: "it is larger than 16 MiB")) {
                try files.files()
            }
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            #expect(throws: SchemaError.unreadable(path: path, reason: "it may not be read")) { try files.files() }
            #expect(throws: SchemaError.self) { try SQLFolder(path: "\(folder)/missing").files() }
        }
    }

    @Test(
        arguments: [
            ("Add birds-of prey", "20260309104005_add_birds_of_prey"), ("a", "20260309104005_a"),
            ("", nil), ("a/b", nil), ("\u{F6}l", nil), ("a.sql", nil), ("..", nil),
        ]
    )
    func `a new file gets a name that will be accepted, or none`(typed: String, name: String?) throws {
        let date = Date(timeIntervalSince1970: 1_773_052_805)
        if let name {
            #expect(try SQLFile.newName(typed, at: date) == name)
        } else {
            #expect(throws: SchemaError.self) { try SQLFile.newName(typed, at: date) }
        }
    }
}
