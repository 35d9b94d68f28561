import FoundationEssentials
import LTX
import ObjectStore
import StoreTestSupport
import Synchronization
import Testing

@testable import Replication

@Suite struct LevelsTests {
    private static let policy = LevelPolicy(
        intervals: [.seconds(30), .seconds(60), .seconds(180)],
        snapshotInterval: .seconds(600),
        snapshotRetention: .seconds(600),
        level0Retention: .seconds(100),
        level0RetentionMin: .zero,
        level0CheckInterval: .seconds(15)
    )

    /// What a test has at hand.
    private final class Rig {
        let folder: String
        let time = TestTime()
        let log: TestLog
        let requests: CountingStore
        let events = Events()

        init(_ folder: String, pageSize: Int = 4096) throws {
            self.folder = folder
            requests = CountingStore(inner: FileStore(root: "\(folder)/replica", clock: time.clock))
            log = try TestLog(pageSize: pageSize, in: requests, time: time)
        }

        /// One that takes its snapshots of the log's database.
        func levels(
            _ policy: LevelPolicy = policy,
            in store: (any ObjectStore)? = nil,
            limits: Levels.Limits = .init()
        ) -> Levels {
            let source = Unshared(log)
            return Levels(
                store ?? requests,
                .folder,
                policy,
                limits: limits,
                clock: time.clock,
                snapshots: { try source.value.snapshot() },
                report: { [events] in events.add($0) }
            )
        }

        var keys: [String] {
            get throws { try ReplicationTests.keys(below: "\(folder)/replica") }
        }

        func restored(_ target: RestorePlan.Target = .latest) async throws -> [UInt8] {
            let output = "\(folder)/restored-\(UInt64.random(in: 0 ... .max)).db"
            _ = try await Restorer(requests).restore(to: output, target, check: .full)
            return [UInt8](try Data(contentsOf: URL(filePath: output)))
        }
    }

    private func with(pageSize: Int = 4096, _ body: (Rig) async throws -> Void) async throws {
        try await withTemporaryFolder { try await body(try Rig($0, pageSize: pageSize)) }
    }

    // MARK: Running on

    @Test(arguments: [512, 4096, 65536])
    func `a replica of many levels restores to the database byte for byte`(pageSize: Int) async throws {
        try await with(pageSize: pageSize) { rig in
            let levels = rig.levels()
            for round in 1...110 {
                rig.time.advance(seconds: 11)
                let sql = round % 40 == 0 ? "DELETE FROM t WHERE id % 3 = 0; VACUUM" : nil
                levels.note(try await rig.log.commit(sql))
                #expect(await levels.runDue() == nil)
                if round % 22 == 0 { #expect(try await rig.restored() == rig.log.files[round - 1].image) }
            }
            #expect(rig.events.failures.isEmpty)
            let keys = try rig.keys
            for level in [0, 1, 2, 3, 9] { #expect(keys.contains { $0.hasPrefix("ltx/\(level)/") }, "level \(level)") }
            // 100 s of level 0 and what is not compacted yet, of 110 files.
            #expect(keys.count { $0.hasPrefix("ltx/0/") } < 20)
            #expect((1...2).contains(keys.count { $0.hasPrefix("ltx/9/") }))
            let listed = ReplicaSummary(try await ReplicaListing(of: rig.requests))
            #expect(levels.summary.levels.map(\.counts) == listed.levels.map(\.counts))
            #expect(levels.summary.lastSnapshot?.txid == listed.lastSnapshot?.txid)
        }
    }

    @Test
    func `a restore point stays as long as something leads to it or to a state before it`() async throws {
        try await with { rig in
            var levels = rig.levels()
            let points = RestorePoints(rig.requests)
            var known: [TXID] = []
            for round in 1...220 {
                rig.time.advance(seconds: 11)
                let written = try await rig.log.commit()
                // At each transaction, so that some are just where a snapshot ends.
                known.append(written.position.txid)
                try await points.record(before: "m\(round)", written.position.txid)
                // As at a start, which is when a service migrates.
                if round % 20 == 0 { levels = rig.levels() }
                levels.note(written)
                #expect(await levels.runDue() == nil)
                let files = try await ReplicaListing(of: rig.requests).ltx
                let oldest = files.filter { $0.minTXID.rawValue == 1 }.map(\.maxTXID).min() ?? TXID(rawValue: 0)
                let kept = try rig.keys.filter { $0.hasPrefix("restore-points/") }.count
                #expect(kept == known.count { $0 >= oldest })
            }
            #expect(try rig.keys.count { $0.hasPrefix("restore-points/") } < known.count)
            #expect(rig.events.failures.isEmpty)
        }
    }

    @Test
    func `in steady state nothing is listed, and without writes nothing is asked at all`() async throws {
        try await with { rig in
            let levels = rig.levels()
            for _ in 0..<200 {
                rig.time.advance(seconds: 11)
                levels.note(try await rig.log.commit())
                _ = await levels.runDue()
            }
            // The files at first, and the restore points when the first snapshot goes; then never again.
            #expect(rig.requests.count("list") == 2)
            #expect(rig.requests.count("get") == 0, "what is compacted is at hand")
            let before = rig.requests.total
            rig.time.advance(seconds: 100_000)
            #expect(await levels.runDue() == nil)
            #expect(rig.requests.total == before)
        }
    }

    @Test
    func `what is not in the cache is read from the store`() async throws {
        try await with { rig in
            var limits = Levels.Limits()
            limits.cacheBytes = 0
            let levels = rig.levels(limits: limits)
            for _ in 0..<20 {
                rig.time.advance(seconds: 11)
                levels.note(try await rig.log.commit())
                _ = await levels.runDue()
            }
            #expect(rig.events.failures.isEmpty)
            #expect(try rig.keys.contains { $0.hasPrefix("ltx/1/") })
            #expect(try await rig.restored() == rig.log.files[19].image)
        }
    }

    @Test
    func `large files are put in pieces`() async throws {
        try await with { rig in
            var limits = Levels.Limits()
            limits.createBytesMax = 1500
            let levels = rig.levels(limits: limits)
            for _ in 0..<20 {
                rig.time.advance(seconds: 11)
                levels.note(try await rig.log.commit())
                _ = await levels.runDue()
            }
            #expect(rig.events.failures.isEmpty)
            #expect(rig.requests.count("put") > 3)
            try FileManager.default.removeItem(atPath: "\(rig.folder)/replica/ltx/0")
            let last = try #require(levels.summary.levels.first { $0.level == 1 }).maxTXID
            #expect(try await rig.restored() == rig.log.files[Int(last.rawValue) - 1].image)
            let listed = ReplicaSummary(try await ReplicaListing(of: rig.requests))
            #expect(levels.summary.levels.dropFirst().map(\.counts) == listed.levels.map(\.counts))
        }
    }

    @Test
    func `files above level 0 name the last level-0 file in them`() async throws {
        try await with { rig in
            let levels = rig.levels()
            for _ in 0..<60 {
                rig.time.advance(seconds: 11)
                levels.note(try await rig.log.commit())
                _ = await levels.runDue()
            }
            var seen: Set<Int> = []
            for file in try await ReplicaListing(of: rig.requests).ltx where file.level > 0 {
                let bytes = try await rig.requests.get(file.object.key).bytes
                let header = try Header(bytes.span)
                let last = rig.log.files[Int(file.maxTXID.rawValue) - 1]
                #expect(header.linkedChecksum == last.position.fileChecksum)
                #expect(header.walOffset == 32 && header.walSize == 0 && header.nodeID != 0)
                #expect(header.timestampMilliseconds == last.header.timestampMilliseconds)
                seen.insert(file.level)
            }
            #expect(seen == [1, 2, 3, 9])
        }
    }

    // MARK: Several instances

    @Test
    func `two instances make the same files, and the second changes nothing`() async throws {
        try await with { rig in
            let other = FileStore(root: "\(rig.folder)/other", clock: rig.time.clock)
            let (first, second, third) = (rig.levels(), rig.levels(in: other), rig.levels())
            for round in 1...60 {
                rig.time.advance(seconds: 11)
                let file = try await rig.log.commit()
                let key = ReplicaLayout.folder.key(level: 0, min: file.header.minTXID, max: file.header.maxTXID)
                _ = try await other.createIfAbsent(key, file.bytes)
                for levels in [first, second, third] { levels.note(file) }
                _ = await first.runDue()
                _ = await third.runDue()
                // Seldom, and thus later.
                if round % 20 == 0 { _ = await second.runDue() }
            }
            #expect(rig.events.failures.isEmpty)
            #expect(rig.requests.count("put") == 0)
            let (ours, theirs) = ("\(rig.folder)/replica", "\(rig.folder)/other")
            let common = Set(try keys(below: ours)).intersection(try keys(below: theirs))
            #expect(common.count { $0.hasPrefix("ltx/1/") } >= 10)
            #expect(
                try keys(below: ours).filter { $0.hasPrefix("ltx/3/") }
                    == keys(below: theirs).filter { $0.hasPrefix("ltx/3/") }
            )
            for key in common {
                #expect(FileManager.default.contentsEqual(atPath: "\(ours)/\(key)", andPath: "\(theirs)/\(key)"))
            }
            #expect(try await rig.restored() == rig.log.files[59].image)
        }
    }

    /// One that is there when it begins, and one that comes in between.
    @Test(arguments: [true, false])
    func `a file of the same name that is damaged takes nothing's place`(isFirst: Bool) async throws {
        try await with { rig in
            let levels = rig.levels()
            let key = ReplicaLayout.folder.key(level: 1, min: TXID(rawValue: 1), max: TXID(rawValue: 2))
            if isFirst { _ = try await rig.requests.createIfAbsent(key, [1, 2, 3]) }
            levels.note(try await rig.log.commit())
            _ = await levels.runDue()
            if !isFirst { _ = try await rig.requests.createIfAbsent(key, [1, 2, 3]) }
            rig.time.advance(seconds: 11)
            levels.note(try await rig.log.commit())
            for _ in 0..<10 {
                rig.time.advance(seconds: 31)
                levels.note(try await rig.log.commit())
                _ = await levels.runDue()
            }
            guard case .failed(let kind, .damaged(key, _), _)? = rig.events.failures.first else {
                Issue.record("\(rig.events.failures)")
                return
            }
            #expect(kind == .compact(into: isFirst ? 2 : 1), "already where it is read for the next level")
            #expect(try rig.keys.count { $0.hasPrefix("ltx/0/") } == 12)
        }
    }

    // MARK: Failures

    @Test(arguments: 0..<15)
    func `a step that fails anywhere is done later, and the replica is whole all the time`(nth: Int) async throws {
        try await with { rig in
            let faulty = FaultyRequests(inner: rig.requests, failing: nth * 13)
            let levels = rig.levels(in: faulty)
            for round in 1...60 {
                rig.time.advance(seconds: 11)
                levels.note(try await rig.log.commit())
                _ = await levels.runDue()
                if round % 10 == 0 { #expect(try await rig.restored() == rig.log.files[round - 1].image) }
            }
            #expect(try await rig.restored() == rig.log.files[59].image)
            #expect(try rig.keys.count { $0.hasPrefix("ltx/0/") } < 40)
        }
    }

    @Test(arguments: [1, 2, 5, 9])
    func `an instance that is stopped between any two steps leaves a replica that the next one goes on with`(
        every: Int
    ) async throws {
        try await with { rig in
            var levels = rig.levels()
            for round in 1...50 {
                rig.time.advance(seconds: 11)
                let file = try await rig.log.commit()
                levels.note(file)
                // It gets as far as a few requests, then another process begins, which knows only what it is told.
                if round % every == 0 {
                    let stopping = StoppingRequests(inner: rig.requests, after: round % 7)
                    let last = rig.levels(in: stopping)
                    last.note(file)
                    let task = Task { _ = await last.runDue() }
                    stopping.onStop { task.cancel() }
                    await task.value
                    levels = rig.levels()
                } else {
                    _ = await levels.runDue()
                }
            }
            #expect(rig.events.failures.isEmpty)
            #expect(try await rig.restored() == rig.log.files[49].image)
        }
    }

    @Test
    func `failures are told, retried with growing waits, and do not hold up the rest`() async throws {
        try await with { rig in
            let faulty = FaultyRequests(inner: rig.requests, failingKeys: "ltx/1/")
            let levels = rig.levels(in: faulty)
            var waits: [Duration] = []
            for _ in 0..<40 {
                rig.time.advance(seconds: 31)
                levels.note(try await rig.log.commit())
                if let wait = await levels.runDue() { waits.append(wait) }
            }
            let told = rig.events.failures.count
            #expect(told > 3 && told < 15)
            #expect(waits.max() ?? .zero > .seconds(100) && waits.max() ?? .zero <= .seconds(300))
            #expect(try rig.keys.contains { $0.hasPrefix("ltx/9/") }, "there was a snapshot")
            #expect(try rig.keys.count { $0.hasPrefix("ltx/0/") } == 40, "nothing covers them")
            faulty.heal()
            rig.time.advance(seconds: 301)
            #expect(await levels.runDue() == nil)
            #expect(try rig.keys.count { $0.hasPrefix("ltx/1/") } > 35)
        }
    }

    @Test
    func `a store that lies about deletions is found out`() async throws {
        try await with { rig in
            let levels = rig.levels(in: LyingStore(inner: rig.requests))
            for _ in 0..<40 {
                rig.time.advance(seconds: 11)
                levels.note(try await rig.log.commit())
                _ = await levels.runDue()
            }
            #expect(
                rig.events.failures.contains {
                    if case .failed(.delete(level: 0), .notDeleted, _) = $0 { true } else { false }
                }
            )
        }
    }

    @Test
    func `a level-0 file of another history is not compacted`() async throws {
        try await with { rig in
            let levels = rig.levels()
            rig.time.advance(seconds: 1)
            levels.note(try await rig.log.commit())
            var stray = try await rig.log.commit()
            var header = stray.header
            header.linkedChecksum = Checksum(rawValue: 1 << 63 | 42)
            stray = TestLog.Written(
                header: header,
                position: stray.position,
                bytes: stray.bytes,
                storeTime: nil,
                image: []
            )
            levels.note(stray)
            rig.time.advance(seconds: 30)
            levels.note(try await rig.log.commit())
            _ = await levels.runDue()
            #expect(
                rig.events.failures.contains {
                    if case .failed(.compact(into: 1), .damaged, _) = $0 { true } else { false }
                }
            )
            #expect(try !rig.keys.contains { $0.hasPrefix("ltx/1/") })
        }
    }

    @Test
    func `a merge is cut off in the middle when its task is cancelled`() async throws {
        try await with { rig in
            let levels = rig.levels()
            for _ in 0..<2 {
                rig.time.advance(seconds: 1)
                levels.note(try await rig.log.commit("INSERT INTO t (v) VALUES (randomblob(300000))"))
            }
            rig.time.advance(seconds: 30)
            levels.note(try await rig.log.commit())
            let task = Task { await levels.runDue() }
            task.cancel()
            _ = await task.value
            #expect(try !rig.keys.contains { $0.hasPrefix("ltx/1/") })
            #expect(rig.events.failures.isEmpty)
            #expect(await levels.runDue() == nil)
            #expect(try rig.keys.contains { $0.hasPrefix("ltx/1/") })
        }
    }
}

extension ReplicaSummary.Level {
    /// Without times: the test's clock is not that of the files.
    fileprivate var counts: [UInt64] {
        [UInt64(level), UInt64(fileCount), UInt64(byteCount), minTXID.rawValue, maxTXID.rawValue]
    }
}

// MARK: Stores

/// What happened.
final class Events: Sendable {
    private let all = Mutex<[Levels.Event]>([])

    func add(_ event: Levels.Event) { all.withLock { $0.append(event) } }

    var failures: [Levels.Event] {
        all.withLock { $0.filter { if case .failed = $0 { true } else { false } } }
    }
}

/// For what one test's tasks use one after the other.
private struct Unshared<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}

/// Counts requests.
final class CountingStore: InterceptedStore {
    let inner: any ObjectStore
    private let counts = Mutex<[String: Int]>([:])

    init(inner: any ObjectStore) { self.inner = inner }

    func before(_ operation: ObjectStoreError.Operation, _ key: String) async throws(ObjectStoreError) {
        counts.withLock { $0[operation.rawValue, default: 0] += 1 }
    }

    func count(_ operation: String) -> Int { counts.withLock { $0[operation] ?? 0 } }
    var total: Int { counts.withLock { $0.values.reduce(0, +) } }
}

/// Fails three requests in a row, or all for some keys.
private final class FaultyRequests: InterceptedStore {
    let inner: any ObjectStore
    private let failing: Range<Int>
    private let prefix: String?
    private let state = Mutex((count: 0, isHealed: false))

    init(inner: any ObjectStore, failing nth: Int = .max - 3, failingKeys prefix: String? = nil) {
        (self.inner, failing, self.prefix) = (inner, nth..<(nth + 3), prefix)
    }

    func heal() { state.withLock { $0.isHealed = true } }

    func before(_ operation: ObjectStoreError.Operation, _ key: String) async throws(ObjectStoreError) {
        let fails = state.withLock { state in
            defer { state.count += 1 }
            return !state.isHealed && (failing.contains(state.count) || prefix.map { key.hasPrefix($0) } ?? false)
        }
        guard fails else { return }
        throw ObjectStoreError(.unavailable, operation, key: key, store: name, "made up")
    }
}

/// Lets a number of requests through, and then calls for an end.
private final class StoppingRequests: InterceptedStore {
    let inner: any ObjectStore
    private let state: Mutex<(left: Int, stop: (@Sendable () -> Void)?)>

    init(inner: any ObjectStore, after count: Int) {
        self.inner = inner
        state = Mutex((left: count, stop: nil))
    }

    func onStop(_ stop: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            state.stop = stop
            return state.left < 0
        }
        if isLate { stop() }
    }

    func before(_ operation: ObjectStoreError.Operation, _ key: String) async throws(ObjectStoreError) {
        let (left, stop) = state.withLock { state in
            state.left -= 1
            return (state.left, state.stop)
        }
        guard left < 0 else { return }
        stop?()
        throw ObjectStoreError(.cancelled, operation, key: key, store: name, "stopped")
    }
}

/// Says that it deleted.
private struct LyingStore: InterceptedStore {
    let inner: any ObjectStore
    func before(_ operation: ObjectStoreError.Operation, _ key: String) async throws(ObjectStoreError) {}
    func delete(_ key: String) async throws(ObjectStoreError) -> Receipt { Receipt(etag: nil, storeTime: nil) }
}
