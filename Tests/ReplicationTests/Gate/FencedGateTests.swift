import Foundation
import LTX
import ObjectStore
import Replication
import SQLite
import TestSupport
import Testing

/// The gate over the real log, in a folder.
@Suite struct FencedGateTests {
    private static func open(_ path: String, _ bucket: String) async throws -> Database {
        try await offPool { try openBlocking(path, bucket) }
    }

    private static func openBlocking(_ path: String, _ bucket: String) throws -> Database {
        let store = FileStore(root: bucket)
        let log = FencedLog(store, layout: .folder)
        let gate = ShippingGate(log, for: path) { _ in throw LogError.restoreNeeded }
        let database = try Database(path, gate: gate)
        try database.exclusively { connection, gate in
            guard try connection.first("SELECT 1 FROM sqlite_schema WHERE name = 'items'", row: { _ in true }) == nil
            else { return }
            try connection.begin()
            try connection.runScript(GatedDatabase.makeItems)
            _ = try gate.commit(connection)
        }
        return database
    }

    private static func insert(_ name: String, _ database: Database) async throws -> UInt64? {
        try await database.write { try $0.run("INSERT INTO items (name) VALUES (?1)", .text(name)) }.txid
    }

    @Test func `two databases write one log in turn and at once, and what the bucket gives back is the same`()
        async throws
    {
        try await withTemporaryFolder { folder in
            let bucket = "\(folder)/bucket"
            let one = try await Self.open("\(folder)/one.db", bucket)
            let other = try await Self.open("\(folder)/other.db", bucket)
            for number in 0..<5 {
                let first = try await Self.insert("one \(number)", one)
                let second = try await Self.insert("other \(number)", other)
                #expect(first == UInt64(2 + 2 * number))
                #expect(second == UInt64(3 + 2 * number))
            }
            try await withThrowingTaskGroup { group in
                for (side, database) in [one, other].enumerated() {
                    group.addTask {
                        for number in 0..<10 { _ = try await Self.insert("at once \(side) \(number)", database) }
                    }
                }
                try await group.waitForAll()
            }
            try await one.catchUp()
            try await other.catchUp()
            let names = try one.names()
            #expect(names.count == 30)
            #expect(try other.names() == names)
            let isWhole = try await offPool { one.close() }
            #expect(isWhole)
            try await offPool { _ = other.close() }

            let restorer = Restorer(FileStore(root: bucket))
            let restored = "\(folder)/restored.db"
            _ = try await restorer.restore(to: restored)
            #expect(try Connection(restored, .immutable).checkedNames() == names)
        }
    }
}
