import Foundation
import SQLite
import Schema
import Testing

/// The migrations and seeds that the program comes with.
@Suite struct RepositorySchemaTests {
    private static let root = URL(filePath: #filePath).appending(path: "../../..").standardized.path

    @Test func `up, down and up again is the same schema, and the seeds fit`() async throws {
        try await withSchema { connection, _ in
            let migrator = try SQLFolder(path: "\(Self.root)/Migrations").migrator(connection)
            let seeder = try SQLFolder(path: "\(Self.root)/Seeds").seeder(connection)
            let count = try migrator.run(.up) { $0.pending }
            #expect(count >= 3)
            let first = try schema(connection)
            #expect(try seeder.run() >= 2)

            #expect(try migrator.run(.down) { plan throws(SchemaError) in try plan.rollback() } == count)
            #expect(try schema(connection) == [])
            #expect(try migrator.run(.up) { $0.pending } == count)
            #expect(try schema(connection) == first)
            #expect(try seeder.run(isForced: true) >= 2)
            #expect(try number(connection, "SELECT count(*) FROM users WHERE first_name IN ('Taro', 'Hanako')") == 2)
            let check = try connection.first("PRAGMA integrity_check") { $0.text(0) }
            #expect(check == "ok")
        }
    }

    @Test func `each step down leaves the schema of the step before`() async throws {
        try await withSchema { connection, _ in
            let migrator = try SQLFolder(path: "\(Self.root)/Migrations").migrator(connection)
            var schemas = [try schema(connection)]
            while try migrator.run(.up, { plan throws(SchemaError) in try plan.up(to: nil) }) == 1 {
                schemas.append(try schema(connection))
            }
            for expected in schemas.dropLast().reversed() {
                _ = try migrator.run(.down) { plan throws(SchemaError) in try plan.down(to: nil) }
                #expect(try schema(connection) == expected)
            }
        }
    }
}
