import FoundationEssentials
import LTX
import ObjectStore
import StoreTestSupport
import Testing

@testable import Replication

/// Restores that show whether they could be done, and leave nothing behind.
@Suite struct RestoreProofTests {
    private struct Place {
        let folder: String
        let log: TestLog
        var store: any ObjectStore { log.store }
        var bucket: String { "\(folder)/bucket" }

        func prove(_ original: RestoreProof.Original) async throws -> RestoreProof.Result {
            defer { #expect((try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/data")) == []) }
            return try await RestoreProof(store, at: "\(folder)/data/app.db.proof").run(against: original)
        }

        /// The database as a file that nobody has open.
        func file() throws -> String {
            let path = "\(folder)/original.db"
            try Data(log.database.checkpointed()).write(to: URL(filePath: path))
            return path
        }
    }

    private func withPlace(pageSize: Int = 4096, commits: Int = 6, _ body: (Place) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let log = try TestLog(pageSize: pageSize, in: FileStore(root: "\(folder)/bucket"), time: TestTime())
            for _ in 0..<commits { try await log.commit() }
            try FileManager.default.createDirectory(atPath: "\(folder)/data", withIntermediateDirectories: true)
            try await body(Place(folder: folder, log: log))
        }
    }

    private func txid(_ number: UInt64) -> TXID { TXID(rawValue: number) }

    @Test(arguments: [512, 4096, 65_536])
    func `what is restored is the same as the live database`(pageSize: Int) async throws {
        try await withPlace(pageSize: pageSize) { place in
            let snapshot = try place.log.snapshot()
            let result = try await place.prove(.live { snapshot })
            #expect(result.comparison == .same && result.txid == txid(6))
            #expect(try result.byteCount == place.log.database.checkpointed().count)
        }
    }

    @Test func `what was written during the restore is fetched before it is compared`() async throws {
        try await withPlace { place in
            let late = try await (7...9).asyncMap { _ in try await place.log.commit() }
            let snapshot = try place.log.snapshot()
            let keys = late.map { ReplicaLayout.folder.key(level: 0, min: $0.header.minTXID, max: $0.header.maxTXID) }
            let files = Array(zip(keys, late.map(\.bytes)))
            for key in keys { _ = try await place.store.delete(key) }
            let result = try await place.prove(
                .live { [store = place.store] in
                    for (key, bytes) in files { _ = try? await store.createIfAbsent(key, bytes) }
                    return snapshot
                }
            )
            #expect(result.comparison == .same && result.txid == txid(9))
        }
    }

    @Test func `a page that differs is found`() async throws {
        try await withPlace { place in
            try place.log.database.run("UPDATE t SET v = 'never shipped' WHERE id = 3")
            let snapshot = try place.log.snapshot()
            let error = await #expect(throws: RestoreProofError.self) { try await place.prove(.live { snapshot }) }
            guard case .contentDiffers(let pages) = error else { return #expect(Bool(false), "\(error as Any)") }
            #expect(!pages.isEmpty)
        }
    }

    @Test func `a database that does not stand still leaves the proof without a comparison`() async throws {
        try await withPlace { place in
            let result = try await place.prove(.live { nil })
            guard case .none = result.comparison else { return #expect(Bool(false), "\(result)") }
            #expect(result.txid == txid(6))
        }
    }

    @Test func `a closed file is compared at its own transaction only`() async throws {
        try await withPlace { place in
            let path = try place.file()
            #expect(try await place.prove(.file(path: path, txid(6))).comparison == .same)
            let older = try await place.prove(.file(path: path, txid(5)))
            guard case .none = older.comparison else { return #expect(Bool(false), "\(older)") }
            let error = await #expect(throws: RestoreProofError.self) {
                try await place.prove(.file(path: path, txid(7)))
            }
            guard case .behind = error else { return #expect(Bool(false), "\(error as Any)") }
        }
    }

    @Test func `a replica that cannot be restored is no proof`() async throws {
        try await withPlace { place in
            let key = ReplicaLayout.folder.key(level: 0, min: txid(3), max: txid(3))
            var bytes = place.log.files[2].bytes
            bytes[bytes.count / 2] ^= 1
            _ = try await place.store.delete(key)
            _ = try await place.store.createIfAbsent(key, bytes)
            await #expect(throws: RestoreProofError.self) { try await place.prove(.none("")) }
            _ = try await place.store.delete(key)
            await #expect(throws: RestoreProofError.self) { try await place.prove(.none("")) }
        }
    }

    @Test func `only what a free page holds may differ`() async throws {
        try await withPlace(commits: 1) { place in
            // As many pages as make a trunk with leaves.
            try place.log.database.run(
                "CREATE TABLE big (v); INSERT INTO big VALUES (randomblob(100000)); DROP TABLE big;"
            )
            let path = try place.file()
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
            let trunk = bytes[32..<36].reduce(0) { $0 << 8 | Int($1) }
            let leafAt = (trunk - 1) * 4096 + 8
            let leaf = bytes[leafAt..<leafAt + 4].reduce(0) { $0 << 8 | Int($1) }
            #expect(trunk > 0 && leaf > 0)
            func compare(changing page: Int) throws {
                var comparison = try PageComparison(path, pageSize: 4096, pageCount: bytes.count / 4096)
                for number in 1...bytes.count / 4096 {
                    var expected = Array(bytes[(number - 1) * 4096..<number * 4096])
                    if number == page { expected[4095] ^= 1 }
                    try comparison.compare(UInt32(number), expected)
                }
                try comparison.finish()
            }
            try compare(changing: 0)
            try compare(changing: leaf)
            #expect(throws: RestoreProofError.self) { try compare(changing: trunk) }
            #expect(throws: RestoreProofError.self) { try compare(changing: 1) }
            #expect(throws: RestoreProofError.self) { try compare(changing: 2) }
            #expect(throws: RestoreProofError.self) {
                _ = try PageComparison(path, pageSize: 4096, pageCount: bytes.count / 4096 + 1)
            }
        }
    }
}

extension ClosedRange<Int> {
    fileprivate func asyncMap<Value>(_ body: (Int) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for number in self { values.append(try await body(number)) }
        return values
    }
}
