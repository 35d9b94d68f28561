import LTX
import ObjectStore
import StoreTestSupport
import Testing

@testable import Replication

@Suite struct RestorePointsTests {
    private func txid(_ number: UInt64) -> TXID { TXID(rawValue: number) }

    @Test func `the newest place before a migration is the one to go back to`() async throws {
        try await withTemporaryFolder { folder in
            let points = RestorePoints(FileStore(root: folder))
            try await points.record(before: "2026_b", txid(0x1F))
            try await points.record(before: "2026_b", txid(0x100))
            try await points.record(before: "2026_b", txid(0x100))
            try await points.record(before: "2026_a", txid(0x200))
            #expect(try await points.txid(before: "2026_b") == txid(0x100))
            #expect(try await points.txid(before: "2026_a") == txid(0x200))
        }
    }

    @Test func `a point that is not there is named beside those that are`() async throws {
        try await withTemporaryFolder { folder in
            let points = RestorePoints(FileStore(root: folder))
            try await points.record(before: "2026_a", txid(2))
            let error = await #expect(throws: RestorePointError.self) { try await points.txid(before: "2026_") }
            #expect(error.map { "\($0)" }?.contains("before:2026_a") == true)
        }
    }

    @Test func `a point that is removed is gone, and the others are not`() async throws {
        try await withTemporaryFolder { folder in
            let points = RestorePoints(FileStore(root: folder))
            try await points.record(before: "2026_a", txid(0xF))
            try await points.record(before: "2026_b", txid(0xF))
            try await points.record(before: "2026_b", txid(0x10))
            try await points.remove(.init(migration: "2026_b", txid: txid(0xF)))
            #expect(try await points.all().map { "\($0.migration) \($0.txid.rawValue)" } == ["2026_a 15", "2026_b 16"])
        }
    }

    @Test(arguments: [nil, 0x10])
    func `a point that was merged names what can be restored instead`(nearest: UInt64?) {
        let time = StoreTime(unixMilliseconds: 1_795_000_000_000)
        let text = "\(RestorePointError.merged("2026_a", txid(0x1F), nearest: nearest.map(txid), of: time))"
        #expect(text.contains("before 2026_a, transaction 000000000000001f"))
        #expect(text.contains("--txid 0000000000000010") == (nearest != nil))
        #expect(text.contains(time.iso8601) == (nearest != nil))
        #expect(text.contains("nothing earlier is kept") == (nearest == nil))
    }

    @Test func `no reader of a replica takes a point for one of its files`() async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: folder)
            try await RestorePoints(store).record(before: "2026_a", txid(2))
            #expect(try await Restorer(store).list().isEmpty)
        }
    }

    @Test(
        arguments: [
            ("before:2026_a", "2026_a"), ("before:", nil), ("2026_a", nil), ("after:2026_a", nil), ("before:a/b", nil),
        ] as [(String, String?)]
    )
    func `a point is named by its migration`(name: String, migration: String?) {
        #expect(RestorePoints.migration(of: name) == migration)
    }
}
