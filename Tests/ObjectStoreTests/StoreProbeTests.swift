import StoreTestSupport
import Synchronization
import Testing

@testable import ObjectStore

@Suite struct StoreProbeTests {
    @Test(arguments: StoreUnderTest.creatingOnce)
    func `a store that creates once is found fit, and nothing of the probe stays`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let verdict = try await StoreProbe(store).run()
            let left = try await store.listAll("")
            #expect(verdict == .createsOnce)
            #expect(left == [])
        }
    }

    @Test(.enabled(if: RealPeer.rclone.isWanted))
    func `a store that ignores the condition is noticed, and nothing of the probe stays`() async throws {
        try await StoreUnderTest.rclone.withStore { store in
            let verdict = try await StoreProbe(store).run()
            let left = try await store.listAll("")
            #expect(verdict == .overwrites("it created a key that was there"))
            #expect(left == [])
        }
    }

    @Test(arguments: StoreUnderTest.creatingOnce)
    func `what was found out once is asked again in one request`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let start = Start(store)
            #expect(try await start.isMarked() == false)
            #expect(try await start.verdict(isMarked: false) == .createsOnce)
            #expect(try await start.isMarked())
            let left = try await store.listAll("").map(\.key)
            #expect(left == [ProbeMark(store).key])
            let watched = CreatingStore(store)
            #expect(try await Start(watched).verdict(isMarked: true) == .createsOnce)
            #expect(watched.created == left)
            #expect(try await start.isMarked())
        }
    }

    @Test func `a store that began to ignore the condition is noticed at once`() async throws {
        try await withMarkedStore { store async throws in
            let start = Start(CreatingStore(store, .overwrites))
            #expect(try await start.isMarked())
            #expect(try await start.verdict(isMarked: true) == .overwrites("it created a key that was there"))
            #expect(try await start.isMarked() == false)
        }
    }

    @Test func `a store that began to replace what it refuses is noticed at the next start`() async throws {
        try await withMarkedStore { store async throws in
            let start = Start(CreatingStore(store, .refusesAndOverwrites))
            #expect(try await start.verdict(isMarked: true) == .createsOnce)
            #expect(try await start.isMarked() == false)
            #expect(try await start.verdict(isMarked: false) != .createsOnce)
        }
    }

    @Test func `only all of the probe sees that several creators win, so a mark counts for a week`() async throws {
        try await withMarkedStore { store async throws in
            let start = Start(CreatingStore(store, .createsTwiceAtOnce))
            #expect(try await start.verdict(isMarked: true) == .createsOnce)
            #expect(try await start.verdict(isMarked: false) != .createsOnce)
        }
    }

    @Test func `a mark is of one endpoint, and of this week`() async throws {
        try await withTemporaryFolder { folder in
            let offset = Mutex(Duration.zero)
            let system = StoreClock.system
            var clock = system
            clock.now = { system.now() + offset.withLock { $0 } }
            let store = FileStore(root: folder, clock: clock)
            try await ProbeMark(store).set()
            #expect(ProbeMark(FileStore(root: "\(folder)/other")).key != ProbeMark(store).key)
            for (day, isValid) in [(0, true), (6, true), (8, false)] {
                offset.withLock { $0 = .seconds(day * 86_400) }
                #expect(try await Start(store).isMarked() == isValid)
            }
        }
    }

    @Test func `a start that ends in between, or hears nothing, leaves no mark`() async throws {
        try await StoreUnderTest.file.withStore { store async throws in
            let start = Start(store)
            #expect(try await start.isRefused() == false)
            #expect(try await start.isMarked() == false)
            #expect(try await start.verdict(isMarked: false) == .createsOnce)
            #expect(try await start.isMarked())
            #expect(try await Start(CreatingStore(store, .loses)).isRefused() == false)
        }
    }

    /// A store that an earlier start has found fit.
    private func withMarkedStore(_ body: (any ObjectStore) async throws -> Void) async throws {
        try await StoreUnderTest.file.withStore { store async throws in
            #expect(try await Start(store).verdict(isMarked: false) == .createsOnce)
            try await body(store)
        }
    }

    /// What a start asks.
    private struct Start {
        let store: any ObjectStore
        init(_ store: any ObjectStore) { self.store = store }

        func isMarked() async throws -> Bool { try await ProbeMark(store).isValid() }
        func isRefused() async throws -> Bool { try await ProbeMark(store).isRefused() }
        func verdict(isMarked: Bool) async throws -> StoreProbe.Verdict {
            try await StoreProbe(store).run(ProbeMark(store), isMarked: isMarked)
        }
    }
}

/// A store whose creations are counted, and that may not keep its promise.
final class CreatingStore: InterceptedStore {
    enum Habit: Sendable { case none, overwrites, refusesAndOverwrites, createsTwiceAtOnce, loses }

    let inner: any ObjectStore
    private let habit: Habit
    private let keys = Mutex<[String]>([])

    init(_ store: any ObjectStore, _ habit: Habit = .none) { (inner, self.habit) = (store, habit) }

    var created: [String] { keys.withLock { $0 } }

    func createIfAbsent(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        keys.withLock { $0.append(key) }
        switch habit {
        case .none: return try await inner.createIfAbsent(key, bytes, timestamp: timestamp)
        case .overwrites: return try await inner.put(key, bytes, timestamp: timestamp)
        case .refusesAndOverwrites:
            do throws(ObjectStoreError) {
                return try await inner.createIfAbsent(key, bytes, timestamp: timestamp)
            } catch {
                try await inner.put(key, bytes, timestamp: timestamp)
                throw error
            }
        case .createsTwiceAtOnce:
            // Looks first, and creates a little later.
            do throws(ObjectStoreError) { _ = try await inner.head(key) } catch {
                guard error.kind == .notFound else { throw error }
                try? await Task.sleep(for: .milliseconds(50))
                return try await inner.put(key, bytes, timestamp: timestamp)
            }
            throw ObjectStoreError(.exists, .create, key: key, store: name, "it is there")
        case .loses: throw ObjectStoreError(.ambiguous, .create, key: key, store: name, "lost")
        }
    }
}
