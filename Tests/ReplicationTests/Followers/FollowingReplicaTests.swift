import LTX
import ObjectStore
import Replication
import StoreTestSupport
import Synchronization
import Testing

@Suite struct FollowingReplicaTests {
    /// A log in one folder, and a replica in another whose calls go as planned.
    private struct Pair {
        let log: LogBench
        let copy: LogBench
        let writer: FencedLog

        init(_ folder: String) {
            (log, copy) = (LogBench("\(folder)/log"), LogBench("\(folder)/copy"))
            writer = log.log()
        }

        func follower() -> FollowingReplica {
            FollowingReplica("copy", copy.store, .folder, following: log.store, .folder)
        }

        /// Adds a transaction to the log, and offers it.
        func commit(_ content: UInt8, to follower: FollowingReplica? = nil) async throws {
            let header = writer.nextHeader(pageSize: LogBench.pageSize, commit: 1)
            let file = try LogBench.file(content, header)
            let outcome = await writer.append(file.bytes, file.position, within: .seconds(20))
            #expect(outcome == .committed(file.position.txid))
            follower?.offer(file.position, file.bytes)
        }

        func keys(_ bench: LogBench) async throws -> [String] { try await bench.store.listAll("ltx/").map(\.key) }

        func expectEqual() async throws {
            let keys = try await keys(log)
            #expect(try await self.keys(copy) == keys)
            for key in keys { #expect(try await copy.store.get(key).bytes == log.store.get(key).bytes) }
        }
    }

    private func withPair(_ body: (Pair) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in try await body(Pair(folder)) }
    }

    /// Runs a follower to its end, once `body` has offered everything; what it reported.
    private func run(_ follower: FollowingReplica, while body: () async throws -> Void) async throws -> [String] {
        let reports = Reports()
        async let running: Void = follower.run { reports.add($0) }
        try await body()
        follower.finish()
        await running
        return reports.all
    }

    @Test func `it is filled with what the log has, and gets each file after that`() async throws {
        try await withPair { pair in
            for content in 1...3 as ClosedRange<UInt8> { try await pair.commit(content) }
            let follower = pair.follower()
            let reports = try await run(follower) {
                for content in 4...6 as ClosedRange<UInt8> { try await pair.commit(content, to: follower) }
            }
            #expect(reports == [])
            #expect(follower.status.txid == TXID(rawValue: 6) && follower.status.behindSince == nil)
            try await pair.expectEqual()
        }
    }

    @Test func `a replica that cannot be reached gets everything later, and the trouble is told once`() async throws {
        try await withPair { pair in
            let follower = pair.follower()
            pair.copy.faults.plan(.list, .refuse(.unreachable), .refuse(.unreachable))
            pair.copy.faults.plan(.create, .loseRequest, .loseAnswer, .refuse(.throttled))
            let reports = try await run(follower) {
                for content in 1...5 as ClosedRange<UInt8> { try await pair.commit(content, to: follower) }
            }
            #expect(reports.first?.contains("unreachable") == true)
            #expect(Set(reports).count == reports.count)
            try await pair.expectEqual()
        }
    }

    @Test func `one that has another history is named and never written`() async throws {
        try await withPair { pair in
            try await pair.commit(1)
            try await pair.commit(2)
            let other = pair.copy.log()
            #expect(try await other.append(9) == .committed(TXID(rawValue: 1)))
            let before = try await pair.copy.store.get(LogBench.key(1)).bytes
            let follower = pair.follower()
            let reports = try await run(follower) { try await pair.commit(3, to: follower) }
            #expect(reports.count == 1 && reports[0].contains("another history"))
            #expect(follower.status.hasDiverged)
            #expect(try await pair.keys(pair.copy) == [LogBench.key(1)])
            #expect(try await pair.copy.store.get(LogBench.key(1)).bytes == before)
        }
    }

    /// A file of level 0 that is too large for a part of an upload, in the log.
    private func commitLarge(_ pair: Pair) async throws -> [UInt8] {
        let (pageSize, count) = (65536, 160)
        let header = pair.writer.nextHeader(pageSize: UInt32(pageSize), commit: UInt32(count))
        // Each page is compressed by itself, so that the same noise in all of them stays as long as it is.
        let page = (0..<pageSize).map { _ in UInt8.random(in: 0...255) }
        var bytes: [UInt8] = []
        var encoder = try Encoder(header, into: &bytes)
        for number in 1...UInt32(count) { try encoder.append(page: number, page.span, into: &bytes) }
        let position = try encoder.finish(into: &bytes)
        #expect(await pair.writer.append(bytes, position, within: .seconds(60)) == .committed(position.txid))
        return bytes
    }

    @Test func `a large file that came after it was looked for is not written over`() async throws {
        try await withPair { pair in
            _ = try await commitLarge(pair)
            try await expectNotOverwritten(pair, pair.copy.store)
        }
    }

    @Test(.enabled(if: RealPeer.moto.isWanted))
    func `a large file that came after it was looked for is not written over in S3 either`() async throws {
        try await withPair { pair in
            let bytes = try await commitLarge(pair)
            try await RealPeer.moto.withStore { store in try await expectNotOverwritten(pair, store) }
            try await RealPeer.moto.withStore { store in
                let follower = FollowingReplica("copy", store, .folder, following: pair.log.store, .folder)
                #expect(try await run(follower) {} == [])
                #expect(try await store.get(LogBench.key(1)).bytes == bytes)
                // Another instance, or this one after a lost answer: the same bytes are there already.
                pair.log.faults.plan(.get, .first { try? await Self.create(bytes, in: store) })
                _ = try await store.delete(LogBench.key(1))
                let late = FollowingReplica("copy", store, .folder, following: pair.log.store, .folder)
                #expect(try await run(late) {} == [])
                #expect(late.status.txid == TXID(rawValue: 1))
            }
        }
    }

    private static func create(_ bytes: [UInt8], in store: any ObjectStore) async throws {
        _ = try await store.createIfAbsent(LogBench.key(1), bytes)
    }

    private func expectNotOverwritten(_ pair: Pair, _ store: any ObjectStore) async throws {
        let other: [UInt8] = [1, 2, 3]
        // The first thing that is read of the log, once both are listed.
        pair.log.faults.plan(.get, .first { try? await Self.create(other, in: store) })
        let follower = FollowingReplica("copy", store, .folder, following: pair.log.store, .folder)
        let reports = try await run(follower) {}
        #expect(reports.count == 1 && reports[0].contains("another history"))
        #expect(follower.status.hasDiverged)
        #expect(try await store.get(LogBench.key(1)).bytes == other)
    }

    @Test func `one that is ahead of the log has another history too`() async throws {
        try await withPair { pair in
            try await pair.commit(1)
            let follower = pair.follower()
            _ = try await run(follower) {}
            let other = pair.copy.log()
            _ = try await other.catchUp()
            #expect(try await other.append(9) == .committed(TXID(rawValue: 2)))
            let late = pair.follower()
            let reports = try await run(late) {}
            #expect(reports.count == 1 && late.status.hasDiverged)
        }
    }

    @Test func `what was compacted meanwhile comes as the log has it`() async throws {
        try await withPair { pair in
            try await pair.commit(1)
            _ = try await run(pair.follower()) {}
            for content in 2...4 as ClosedRange<UInt8> { try await pair.commit(content) }
            // As one file of level 1, whose sources are gone.
            let last = try await pair.log.store.get(LogBench.key(4)).bytes
            var header = try Header(last.span)
            header.minTXID = TXID(rawValue: 2)
            header.linkedChecksum = pair.writer.position?.fileChecksum
            let merged = try LogBench.file(4, header)
            _ = try await pair.log.store.put(LogBench.key(4, level: 1, from: 2), merged.bytes)
            for number in 2...3 as ClosedRange<UInt64> { _ = try await pair.log.store.delete(LogBench.key(number)) }
            let follower = pair.follower()
            let reports = try await run(follower) { try await pair.commit(5, to: follower) }
            #expect(reports == [])
            #expect(follower.status.txid == TXID(rawValue: 5))
            #expect(
                try await pair.keys(pair.copy)
                    == [LogBench.key(1), LogBench.key(5), LogBench.key(4, level: 1, from: 2)]
            )
        }
    }
}

private final class Reports: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    func add(_ text: String) { texts.withLock { $0.append(text) } }
}
