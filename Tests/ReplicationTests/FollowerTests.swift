import FoundationEssentials
import LTX
import ObjectStore
import StoreTestSupport
import Testing

@testable import Replication

@Suite struct FollowerTests {
    @Test(arguments: [512, 4096, 65536])
    func `a followed database has every transaction, and its readers see them`(pageSize: Int) async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: "\(folder)/replica")
            let log = try TestLog(pageSize: pageSize, in: store, time: TestTime())
            let output = "\(folder)/copy.db"
            try await log.commit("INSERT INTO t VALUES (1000, randomblob(200000))")
            let first = try await begin(store, output)
            for round in 1...6 {
                let before = try await position(store, output)
                for _ in 0..<round {
                    try await log.commit(round == 4 ? "DELETE FROM t WHERE id = 1000; VACUUM" : nil)
                }
                try await follow(store, output, from: before, until: UInt64(log.files.count))
                let reached = try await first.position()
                #expect(reached == TXID(rawValue: UInt64(log.files.count)))
                #expect(try content(output) == known(log))
                #expect(try query("PRAGMA integrity_check", ofFile: output) == ["ok"])
                #expect(try query("PRAGMA journal_mode", ofFile: output) == ["delete"])
            }
        }
    }

    @Test
    func `what is not in level 0 any more comes from elsewhere, and what is nowhere is a failure`() async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: "\(folder)/replica")
            let log = try TestLog(in: store, time: TestTime())
            let output = "\(folder)/copy.db"
            try await log.commit()
            let follower = try await begin(store, output)
            for _ in 0..<4 { try await log.commit() }
            let level0 = "\(folder)/replica/ltx/0"
            for file in log.files.dropLast() {
                try FileManager.default.removeItem(
                    atPath: "\(level0)/\(file.header.minTXID)-\(file.header.maxTXID).ltx"
                )
            }
            let failure = await #expect(throws: RestoreError.self) {
                try await follower.follow(from: TXID(rawValue: 1), every: .milliseconds(1)) { _ in }
            }
            guard case .plan(.gap(TXID(rawValue: 2), TXID(rawValue: 4)))? = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
            // A snapshot that reaches as far.
            let taken = try log.snapshot()
            let snapshot = try #require(taken)
            let key = ReplicaLayout.folder.key(level: 9, min: snapshot.header.minTXID, max: snapshot.header.maxTXID)
            _ = try await store.put(key, from: snapshot.source)
            try await follow(store, output, from: TXID(rawValue: 1), until: 5)
            #expect(try content(output) == known(log))
        }
    }

    @Test
    func `who was cut off while pages were replaced begins again with the same transactions`() async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: "\(folder)/replica")
            let log = try TestLog(in: store, time: TestTime())
            let output = "\(folder)/copy.db"
            try await log.commit()
            _ = try await begin(store, output)
            for _ in 0..<3 { try await log.commit() }
            try await follow(store, output, from: TXID(rawValue: 1), until: 4)
            // As if the pages were there, and the note of it not.
            try "\(TXID(rawValue: 2))\n".write(toFile: "\(output)-txid", atomically: true, encoding: .utf8)
            let position = try await position(store, output)
            try await follow(store, output, from: position, until: 4)
            #expect(try content(output) == known(log))
        }
    }

    private func begin(_ store: any ObjectStore, _ output: String) async throws -> Follower {
        let plan = try await Restorer(store).restore(to: output)
        guard case .ltx(let files) = plan.steps else { throw CocoaError(.fileReadUnknown) }
        let follower = Follower(store, path: output)
        try await follower.begin(at: try #require(files.last).maxTXID)
        return follower
    }

    private func position(_ store: any ObjectStore, _ output: String) async throws -> TXID {
        let position = try await Follower(store, path: output).position()
        return try #require(position)
    }

    private func follow(_ store: any ObjectStore, _ output: String, from: TXID, until txid: UInt64) async throws {
        let follower = Follower(store, path: output)
        let task = Task {
            try await follower.follow(from: from, every: .milliseconds(5)) { event in
                switch event {
                case .applied(let reached, _): if reached.rawValue == txid { withUnsafeCurrentTask { $0?.cancel() } }
                case .failed(let error): Issue.record(error)
                }
            }
        }
        try await task.value
    }

    /// All but the header, whose counter and format differ.
    private func content(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: path)).dropFirst(100))
    }

    private func known(_ log: TestLog) throws -> [UInt8] {
        [UInt8](try #require(log.files.last).image.dropFirst(100))
    }
}
