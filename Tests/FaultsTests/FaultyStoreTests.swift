import Faults
import LTX
import ObjectStore
import StoreTestSupport
import Synchronization
import Testing

/// What a faulty store does to a real one, seen from both sides.
@Suite struct FaultyStoreTests {
    private let first = "ltx/0/0000000000000001-0000000000000001.ltx"
    private let second = "ltx/0/0000000000000002-0000000000000002.ltx"

    private func withStores(
        _ plan: String,
        signal: @escaping @Sendable (FaultPlan.Signal.Kind) -> Void = { _ in },
        clock: StoreClock = .system,
        pauses: (@Sendable (Duration) async throws -> Void)? = nil,
        _ body: (_ faulty: FaultyStore, _ real: FileStore) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: folder)
            var clock = clock
            if let pauses { clock.sleep = pauses }
            try await body(FaultyStore(store, FaultPlan(plan), clock: clock, signal: signal), store)
        }
    }

    /// How a call fails; nil if it does not.
    private func failure(
        _ call: sending () async throws(ObjectStoreError) -> Void
    ) async -> ObjectStoreError.Kind? {
        do throws(ObjectStoreError) { try await call() } catch { return error.kind }
        return nil
    }

    private func creationFailure(_ store: FaultyStore, _ key: String) async -> ObjectStoreError.Kind? {
        await failure { () throws(ObjectStoreError) in _ = try await store.createIfAbsent(key, [1]) }
    }

    private func headFailure(_ store: FaultyStore) async -> ObjectStoreError.Kind? {
        let key = first
        return await failure { () throws(ObjectStoreError) in _ = try await store.head(key) }
    }

    @Test(arguments: [
        ("throttled=1", ObjectStoreError.Kind.throttled, false), ("unavailable=1", .ambiguous, false),
        ("reset-before=1", .ambiguous, false), ("reset-after=1", .ambiguous, true),
        ("false-refusal=1", .rejected, true),
    ])
    func `a create fails as the plan says, before or after it took effect`(
        plan: String,
        failure: ObjectStoreError.Kind,
        isApplied: Bool
    ) async throws {
        try await withStores(plan, pauses: { _ in }) { faulty, real in
            #expect(await creationFailure(faulty, first) == failure)
            let keys = try await real.listAll("").map(\.key)
            #expect(keys == (isApplied ? [first] : []))
        }
    }

    @Test(arguments: [
        ("throttled=1", ObjectStoreError.Kind.throttled), ("unavailable=1", .unavailable),
        ("reset-before=1", .unreachable), ("truncated=1", .damaged),
    ])
    func `a question fails as it would in a real store`(plan: String, failure: ObjectStoreError.Kind) async throws {
        try await withStores(plan, pauses: { _ in }) { faulty, real in
            _ = try await real.createIfAbsent(first, [1])
            let key = first
            let seen = await self.failure { () throws(ObjectStoreError) in _ = try await faulty.get(key) }
            #expect(seen == failure)
        }
    }

    @Test(arguments: ["throttled=0.5", "unavailable=0.5", "reset-before=0.4", "truncated=0.5"])
    func `a failure that passes is not seen, because a store's own code asks again`(plan: String) async throws {
        let pauses = Mutex(0)
        try await withStores("seed=3,\(plan)", pauses: { _ in pauses.withLock { $0 += 1 } }) { faulty, real in
            _ = try await real.createIfAbsent(first, [1])
            for _ in 0..<20 { #expect(try await faulty.get(first).bytes == [1]) }
            #expect(pauses.withLock { $0 } > 0)
        }
    }

    @Test func `what is no file of the log is left alone, so that the probe sees the store as it is`() async throws {
        try await withStores("throttled=1,overwrites=1,false-refusal=1") { faulty, _ in
            let verdict = try await StoreProbe(faulty).run()
            #expect(verdict == .createsOnce)
        }
    }

    @Test func `an ignored condition replaces the other's file and calls it created`() async throws {
        try await withStores("overwrites=1") { faulty, real in
            _ = try await real.createIfAbsent(first, [1])
            _ = try await faulty.createIfAbsent(first, [2])
            #expect(try await real.get(first).bytes == [2])
        }
    }

    @Test(arguments: ["lands-late=1:30ms", "early-answer=1:30ms"])
    func `a late write is not there, and then it is`(plan: String) async throws {
        try await withStores(plan) { faulty, real in
            let failure = await creationFailure(faulty, first)
            #expect(failure == (plan.hasPrefix("lands") ? .ambiguous : nil))
            #expect(try await real.listAll("").isEmpty)
            var isThere = false
            for _ in 0..<500 where !isThere {
                try await Task.sleep(for: .milliseconds(10))
                isThere = try await !real.listAll("").isEmpty
            }
            #expect(isThere)
        }
    }

    @Test func `a duplicate that lands late meets its condition`() async throws {
        try await withStores("duplicated=1:20ms") { faulty, real in
            _ = try await faulty.createIfAbsent(first, [1])
            _ = try await real.delete(first)
            _ = try await real.createIfAbsent(first, [9])
            try await Task.sleep(for: .milliseconds(100))
            #expect(try await real.get(first).bytes == [9])
        }
    }

    @Test func `a stale listing lacks what is new`() async throws {
        try await withStores("stale-list=1:100ms") { faulty, real in
            _ = try await real.createIfAbsent(first, [1])
            try await Task.sleep(for: .milliseconds(150))
            _ = try await real.createIfAbsent(second, [1])
            let keys = try await faulty.listAll("ltx/").map(\.key)
            #expect(keys == [first])
        }
    }

    @Test func `a forgetful store frees the names that a higher level covers, but for the newest`() async throws {
        try await withStores("forgets=1") { faulty, real in
            _ = try await faulty.createIfAbsent(first, [1])
            _ = try await faulty.createIfAbsent(second, [1])
            #expect(try await real.listAll("").count == 2)
            let covering = "ltx/1/0000000000000001-0000000000000002.ltx"
            _ = try await faulty.createIfAbsent(covering, [1])
            let keys = try await real.listAll("").map(\.key)
            #expect(keys == [second, covering])
        }
    }

    @Test func `a disowned file is whole, and another writer's`() async throws {
        let header = Header(
            pageSize: 512,
            commit: 1,
            minTXID: TXID(rawValue: 1),
            maxTXID: TXID(rawValue: 1),
            timestampMilliseconds: 1,
            walOffset: 32,
            nodeID: 7
        )
        var bytes: [UInt8] = []
        var encoder = try Encoder(header, into: &bytes)
        try encoder.append(page: 1, [UInt8](repeating: 3, count: 512).span, into: &bytes)
        _ = try encoder.finish(into: &bytes)
        try await withStores("disowned=1") { [bytes] faulty, real in
            let failure = await failure { () throws(ObjectStoreError) in
                _ = try await faulty.createIfAbsent(first, bytes)
            }
            #expect(failure == .ambiguous)
            let found = try await real.get(first).bytes
            var decoder = Decoder()
            decoder.feed(found)
            decoder.feed([])
            guard case .header(let header) = try decoder.next(), case .page(let page) = try decoder.next(),
                case .end = try decoder.next()
            else {
                Issue.record("it is not the same file")
                return
            }
            #expect(header.nodeID != 7 && header.nodeID != 0)
            #expect(page.data == [UInt8](repeating: 3, count: 512))
        }
    }

    @Test func `outside its window a fault stays away`() async throws {
        let elapsed = Mutex(Duration.zero)
        var clock = StoreClock.system
        clock.elapsed = { elapsed.withLock { $0 } }
        try await withStores("throttled=1,active=1s/10s", clock: clock, pauses: { _ in }) { faulty, _ in
            #expect(await headFailure(faulty) == .throttled)
            elapsed.withLock { $0 = .seconds(2) }
            #expect(await headFailure(faulty) == .notFound)
            elapsed.withLock { $0 = .seconds(10) }
            #expect(await headFailure(faulty) == .throttled)
        }
    }

    @Test func `the process is killed at its point, and not before`() async throws {
        let seen = Mutex<[String]>([])
        let plan = """
            kill=before-create@2,stop=after-create@1,kill=in-compaction@1,kill=in-restore@1,stop=in-catch-up@1
            """
        try await withStores(plan, signal: { kind in seen.withLock { $0.append(kind.rawValue) } }) { faulty, real in
            _ = try await real.createIfAbsent(first, [1])
            _ = try await faulty.get(first)
            #expect(seen.withLock { $0 } == ["kill"], "in a restore")
            _ = try await faulty.createIfAbsent(second, [1])
            #expect(seen.withLock { $0 } == ["kill", "stop"], "after the first create")
            _ = try await faulty.get(first)
            #expect(seen.withLock { $0 } == ["kill", "stop", "stop"], "in a catch-up")
            _ = try await faulty.put("ltx/1/0000000000000001-0000000000000002.ltx", [1])
            #expect(seen.withLock { $0 } == ["kill", "stop", "stop", "kill"], "in a compaction")
            _ = await creationFailure(faulty, second)
            #expect(seen.withLock { $0 } == ["kill", "stop", "stop", "kill", "kill"], "before the second create")
        }
    }

    @Test func `a store is only made to fail where the variable is set, and then it is said`() async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: folder)
            var warnings: [String] = []
            let plain = try FaultyStore.wrapping(store, [:]) { warnings.append($0) }
            #expect(plain is FileStore && warnings.isEmpty)
            let faulty = try FaultyStore.wrapping(store, ["HOLDFAST_FAULTS": "throttled=1"]) { warnings.append($0) }
            #expect(faulty is FaultyStore && warnings.count == 1)
            #expect(throws: FaultPlanError.self) {
                try FaultyStore.wrapping(store, ["HOLDFAST_FAULTS": "nonsense"]) { _ in }
            }
        }
    }
}
