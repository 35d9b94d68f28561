import CSQLite
import Files
import FoundationEssentials
import LTX
import ObjectStore
import Replication
import StoreTestSupport
import Synchronization
import Testing

@Suite struct BootPlanTests {
    private static let tip = tip(7, checksum: 1)
    private static let stamp = DatabaseStamp(size: 4096, modifiedNanoseconds: 5)
    private static let record = PositionRecord(tip: tip, replica: "file:///r", stamp: stamp)

    private static func tip(_ txid: UInt64, checksum: UInt64) -> LogTip {
        guard let checksum = Checksum(rawValue: 1 << 63 | checksum) else { preconditionFailure("no checksum") }
        let position = Position(txid: TXID(rawValue: txid), fileChecksum: checksum)
        return LogTip(position: position, timestampMilliseconds: 9)
    }

    private static func log(_ tip: LogTip?) -> BootFacts.Replica {
        .log(newest: TXID(rawValue: 7), end: tip.map { LogEnd(tip: $0, nodeID: 5) })
    }

    private func facts(_ change: (inout BootFacts) -> Void) -> BootFacts {
        var facts = BootFacts(
            replica: Self.log(Self.tip),
            replicaName: "file:///r",
            stamp: Self.stamp,
            record: Self.record,
            origin: "file:///r"
        )
        change(&facts)
        return facts
    }

    @Test func `the local file is used only when it is certain to be the end of the log`() {
        #expect(BootPlan(facts { _ in }) == .useLocal(Self.tip))
        let doubts: [(inout BootFacts) -> Void] = [
            { $0.replica = Self.log(Self.tip(8, checksum: 1)) },
            // The same number in another history.
            { $0.replica = Self.log(Self.tip(7, checksum: 2)) },
            { $0.replica = Self.log(nil) },
            { $0.hasLog = true },
            { $0.record = nil },
            { $0.stamp = DatabaseStamp(size: 8192, modifiedNanoseconds: 5) },
            { $0.stamp = DatabaseStamp(size: 4096, modifiedNanoseconds: 6) },
        ]
        for doubt in doubts { #expect(BootPlan(facts(doubt)) == .restore(movesAside: false)) }
        #expect(BootPlan(facts { $0.replicaName = "file:///other" }) == .restore(movesAside: true))
    }

    @Test func `a replica that had a log and has nothing any more is refused`() {
        let position = Self.tip.position
        let traces: [(inout BootFacts) -> Void] = [
            { $0.origin = "file:///r" },
            { $0.record = Self.record },
            { $0.session = AsyncSession(replica: "file:///r", writerID: 5, start: position) },
        ]
        for trace in traces {
            for hasFile in [true, false] {
                let gone = facts {
                    ($0.replica, $0.record, $0.origin) = (.empty, nil, nil)
                    if !hasFile { $0.stamp = nil }
                    trace(&$0)
                }
                #expect(BootPlan(gone) == .refuse(.logGone))
            }
        }
        // What was answered before there was a log begins it.
        let first = facts {
            ($0.replica, $0.record, $0.origin) = (.empty, nil, nil)
            $0.session = AsyncSession(replica: "file:///r", writerID: 5, start: nil)
        }
        #expect(BootPlan(first) == .adopt)
    }

    @Test func `a file of another log is moved aside, and what this log made is replaced`() {
        #expect(BootPlan(facts { ($0.record, $0.origin) = (nil, nil) }) == .restore(movesAside: true))
        #expect(BootPlan(facts { ($0.record, $0.stamp, $0.origin) = (nil, nil, nil) }) == .restore(movesAside: false))
        let lost = facts { ($0.record, $0.stamp, $0.origin, $0.hasLog) = (nil, nil, nil, true) }
        #expect(BootPlan(lost) == .restore(movesAside: true))
        #expect(
            BootPlan(facts { ($0.replica, $0.record) = (.generations, nil) }) == .restoreGenerations(movesAside: false)
        )
        #expect(BootPlan(facts { $0.replica = .newerGenerations }) == .refuse(.newerGenerations))
    }

    @Test func `what was answered before the log had it goes on, if nobody else has written since`() {
        let start = Self.tip.position
        let session = AsyncSession(replica: "file:///r", writerID: 5, start: nil)
        let crashed = { (session: AsyncSession) in
            facts { ($0.record, $0.session, $0.hasLog) = (nil, session, true) }
        }
        // Its own file is the last one; or the last one is that which it began behind.
        #expect(BootPlan(crashed(session)) == .resume(Self.tip))
        #expect(BootPlan(crashed(AsyncSession(replica: "file:///r", writerID: 6, start: start))) == .resume(Self.tip))
        let overtaken = [
            AsyncSession(replica: "file:///r", writerID: 6, start: Self.tip(6, checksum: 1).position),
            AsyncSession(replica: "file:///r", writerID: 6, start: Self.tip(7, checksum: 2).position),
            AsyncSession(replica: "file:///other", writerID: 5, start: start),
        ]
        // It may be the only copy of what was answered.
        for session in overtaken { #expect(BootPlan(crashed(session)) == .restore(movesAside: true)) }
        #expect(BootPlan(facts { $0.session = session }) == .useLocal(Self.tip))
    }

    @Test func `what a session notes is read as it was written, and nothing else is`() {
        for start in [nil, Self.tip.position] {
            let session = AsyncSession(replica: "s3://b/with space", writerID: .max, start: start)
            #expect(AsyncSession(text: session.text) == session)
            #expect(AsyncSession(text: String(session.text.dropLast())) == nil)
        }
        #expect(AsyncSession(text: "") == nil)
    }

    @Test func `an empty replica begins a log with what is there, unless that is forbidden`() {
        let new: (inout BootFacts) -> Void = { ($0.replica, $0.record, $0.origin) = (.empty, nil, nil) }
        #expect(BootPlan(facts(new)) == .adopt)
        let ofAnother = facts {
            new(&$0)
            $0.origin = "file:///other"
        }
        #expect(BootPlan(ofAnother) == .adopt)
        let fresh = facts {
            new(&$0)
            $0.stamp = nil
        }
        #expect(BootPlan(fresh) == .fresh)
        for hasFile in [true, false] {
            let required = facts {
                ($0.replica, $0.requiresReplica) = (.empty, true)
                if !hasFile { $0.stamp = nil }
            }
            #expect(BootPlan(required) == .refuse(.replicaRequired))
        }
    }
}

/// Boots on a folder, with databases of one page that SQLite takes for whole.
@Suite struct BootTests {
    private struct Place {
        let bench: LogBench
        let folder: String
        var path: String { "\(folder)/app.db" }

        func boot(requiresReplica: Bool = false) async throws -> Boot.Result {
            let boot = Boot(
                bench.store,
                replicaName: "file:///r",
                layout: .folder,
                database: path,
                requiresReplica: requiresReplica
            )
            return try await boot.run()
        }

        func version() throws -> [String] { try query("PRAGMA user_version", ofFile: path) }

        func write(_ bytes: [UInt8], _ suffix: String = "") {
            #expect(FileManager.default.createFile(atPath: path + suffix, contents: Data(bytes)))
        }

        func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
    }

    private func withPlace(_ body: (Place) async throws -> Void) async throws {
        try await withTemporaryFolder { root in
            let place = Place(bench: LogBench("\(root)/bucket"), folder: "\(root)/data")
            try FileManager.default.createDirectory(atPath: place.folder, withIntermediateDirectories: true)
            try await body(place)
        }
    }

    /// Adds an empty database with this `user_version`.
    private func append(_ version: UInt8, to log: FencedLog) async throws {
        let page = try Self.page(version)
        let header = log.nextHeader(pageSize: UInt32(page.count), commit: 1)
        var bytes: [UInt8] = []
        var encoder = try Encoder(header, into: &bytes)
        try encoder.append(page: 1, page.span, into: &bytes)
        let position = try encoder.finish(into: &bytes)
        #expect(await log.append(bytes, position, within: .seconds(20)) == .committed(position.txid))
    }

    /// A file of a higher level that holds the log up to this file of level 0.
    private static func compacted(upTo last: [UInt8], version: UInt8) throws -> [UInt8] {
        var header = try Header(last.span)
        header.minTXID = TXID(rawValue: 1)
        header.nodeID = 1
        header.linkedChecksum = Checksum(rawValue: last.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
        let page = try page(version)
        var bytes: [UInt8] = []
        var encoder = try Encoder(header, into: &bytes)
        try encoder.append(page: 1, page.span, into: &bytes)
        _ = try encoder.finish(into: &bytes)
        return bytes
    }

    static func page(_ version: UInt8) throws -> [UInt8] {
        var handle: OpaquePointer?
        defer { sqlite3_close(handle) }
        try #require(sqlite3_open(":memory:", &handle) == SQLITE_OK)
        try #require(
            sqlite3_exec(handle, "PRAGMA page_size = 512; PRAGMA user_version = \(version); VACUUM", nil, nil, nil)
                == SQLITE_OK
        )
        var size: Int64 = 0
        let content = try #require(sqlite3_serialize(handle, "main", &size, 0))
        defer { sqlite3_free(content) }
        return (0..<Int(size)).map { content[$0] }
    }

    @Test func `a log is restored to its end, also what a listing did not show`() async throws {
        try await withPlace { place in
            let log = place.bench.log()
            for version in 1...3 as ClosedRange<UInt8> { try await append(version, to: log) }
            // After the listing by which the restore goes, and before anything else is listed or fetched.
            place.bench.faults.plan(.get, .first { try? await append(4, to: log) })
            let result = try await place.boot()
            #expect(result.plan == .restore(movesAside: false))
            #expect(try place.version() == ["4"])
            #expect(result.start.tip == log.tip)
            #expect(result.start.base == LogBench.key(1))
            #expect(try place.names() == ["app.db", "app.db-origin"])
            // And it goes on from there without asking anything first.
            _ = place.bench.faults.takeCalls()
            try await append(5, to: place.bench.log(from: result.start))
            #expect(place.bench.faults.takeCalls().contains { $0.hasPrefix("list") } == false)
        }
    }

    @Test func `the end of a log that others write without a pause is not chased for ever`() async throws {
        try await withPlace { place in
            let log = place.bench.log()
            try await append(1, to: log)
            let start = LogStart(tip: log.tip)
            place.write(try Self.page(1))
            for version in 2...5 as ClosedRange<UInt8> { try await append(version, to: log) }
            let elapsed = Mutex(Duration.zero)
            var clock = StoreClock.system
            // Each look at it finds that seconds have passed.
            clock.elapsed = {
                elapsed.withLock { $0 += .seconds(2) }
                return elapsed.withLock { $0 }
            }
            let timing = LogTiming(catchUpCountMax: 1)
            let restore = LogRestore(place.bench.store, layout: .folder, timing: timing, clock: clock)
            let end = try #require(try await restore.follow(place.path, from: start))
            #expect(end.tip?.position.txid == TXID(rawValue: 2))
            #expect(try place.version() == ["2"])
        }
    }

    @Test func `after a clean shutdown the local file is used, and its record is gone`() async throws {
        try await withPlace { place in
            let log = place.bench.log()
            for version in 1...2 as ClosedRange<UInt8> { try await append(version, to: log) }
            _ = try await place.boot()
            let tip = try #require(log.tip)
            place.write([1], "-wal")
            #expect(try !PositionRecord.write(tip: tip, replica: "file:///r", beside: place.path))
            place.write([], "-wal")
            #expect(try PositionRecord.write(tip: tip, replica: "file:///r", beside: place.path))
            #expect(try place.names() == ["app.db", "app.db-origin", "app.db-position"])
            let result = try await place.boot()
            #expect(result.plan == .useLocal(tip))
            #expect(result.start.tip == tip)
            #expect(try place.names() == ["app.db", "app.db-origin"])
            // Not a second time: something may have been written in between.
            #expect(try await place.boot().plan == .restore(movesAside: false))

            #expect(try PositionRecord.write(tip: tip, replica: "file:///r", beside: place.path))
            try await append(9, to: log)
            #expect(try await place.boot().plan == .restore(movesAside: false))
            #expect(try place.version() == ["9"])
        }
    }

    /// How many requests each kind of start makes, one after the other and in all: it must not creep up.
    @Test func `a start asks no more than it must`() async throws {
        try await withPlace { place in
            let log = place.bench.log()
            for version in 1...20 as ClosedRange<UInt8> { try await append(version, to: log) }
            _ = place.bench.faults.takeCalls()
            // The two ends of the listing, the files, and the one that is not there.
            #expect(try await place.boot().plan == .restore(movesAside: false))
            let restored = place.bench.faults.takeCalls()
            #expect(restored.count { $0.hasPrefix("list") } == 2)
            #expect(restored.count { $0.hasPrefix("get") } == 21)
            #expect(Set(restored).count == restored.count - 1)
            #expect(restored.count == 23)

            // The newest file, and the one that is not there.
            let tip = try #require(log.tip)
            #expect(try PositionRecord.write(tip: tip, replica: "file:///r", beside: place.path))
            let result = try await place.boot()
            #expect(result.plan == .useLocal(tip))
            let kept = place.bench.faults.takeCalls()
            #expect(kept.sorted() == ["get \(LogBench.key(20))", "get \(LogBench.key(21))", "list ", "list "])
            // All of them were sent before any answer was needed, and the first write needs nothing else.
            try await append(21, to: place.bench.log(from: result.start))
            #expect(place.bench.faults.takeCalls().filter { !$0.hasPrefix("get") } == ["create \(LogBench.key(21))"])
        }
    }

    @Test func `of many transactions only those are listed that no level covers`() async throws {
        try await withPlace { place in
            let log = place.bench.log()
            for version in 1...250 as ClosedRange<UInt8> { try await append(version, to: log) }
            // As a compaction would have it.
            let bytes = try Self.compacted(upTo: try await place.bench.store.get(LogBench.key(240)).bytes, version: 240)
            try await place.bench.store.put(LogBench.key(240, level: 1, from: 1), bytes)
            _ = place.bench.faults.takeCalls()
            let result = try await place.boot()
            #expect(result.start.tip == log.tip)
            #expect(try place.version() == ["250"])
            #expect(!result.listing.isWhole)
            let calls = place.bench.faults.takeCalls()
            #expect(calls.filter { $0.hasPrefix("list") } == ["list ", "list ", "list ltx/0/"])
            #expect(calls.count { $0.hasPrefix("get") } == 12)

            // Where what was passed over is needed all the same, all is listed.
            _ = try await place.bench.store.delete(LogBench.key(240, level: 1, from: 1))
            try await place.bench.store.put(LogBench.key(240, level: 1, from: 240), bytes)
            let all = try await Boot(
                place.bench.store,
                replicaName: "file:///r",
                layout: .folder,
                database: "\(place.folder)/other.db"
            ).decide()
            #expect(all.plan == .restore(movesAside: false))
            #expect(place.bench.faults.takeCalls().contains("list generations/"))
        }
    }

    @Test func `a replica is found among much else, and in the layout of another kind of store`() async throws {
        try await withPlace { place in
            let log = place.bench.log()
            for version in 1...3 as ClosedRange<UInt8> { try await append(version, to: log) }
            for number in 0..<120 { try await place.bench.store.put("a/\(number)", [0]) }
            for layout in ReplicaLayout.allCases {
                let boot = Boot(
                    place.bench.store,
                    replicaName: "file:///r",
                    layout: layout,
                    database: "\(place.folder)/\(layout).db"
                )
                let result = try await boot.run()
                #expect(result.layout == .folder)
                #expect(result.start.tip == log.tip)
            }
        }
    }

    @Test func `an end that was seen long before the restore was done does not count`() async throws {
        try await withPlace { place in
            let log = place.bench.log()
            try await append(1, to: log)
            let elapsed = Mutex(Duration.zero)
            var clock = StoreClock.system
            clock.elapsed = { elapsed.withLock { $0 } }
            // It is looked up at the same time as the first file is fetched; then something comes behind it.
            place.bench.faults.plan(
                .get,
                .first {},
                .first {
                    try? await Task.sleep(for: .milliseconds(100))
                    try? await append(2, to: log)
                    elapsed.withLock { $0 += .seconds(2) }
                }
            )
            let start = try await LogRestore(place.bench.store, layout: .folder, clock: clock).run(to: place.path)
            #expect(start.tip == log.tip)
            #expect(try place.version() == ["2"])
        }
    }

    @Test func `an end that was seen long after the listing does not count without another one`() async throws {
        try await withPlace { place in
            let log = place.bench.log()
            try await append(1, to: log)
            _ = place.bench.faults.takeCalls()
            // For this machine no time passes: it may stand still, and its clocks with it.
            place.bench.faults.plan(.get, .first { place.bench.advanceStore(by: .seconds(3600)) })
            #expect(try await place.boot().start.tip == log.tip)
            let calls = place.bench.faults.takeCalls()
            #expect(calls.count { $0.hasPrefix("list") } == 3)
        }
    }

    @Test func `a local database that is not of this log is kept with all that belongs to it`() async throws {
        try await withPlace { place in
            try await append(1, to: place.bench.log())
            for number in ["", "-2"] {
                place.write([1, 2, 3])
                place.write([4], "-wal")
                #expect(FileManager.default.fileExists(atPath: "\(place.path)-origin") == !number.isEmpty)
                try Files.removeIfPresent("\(place.path)-origin")
                let result = try await place.boot()
                #expect(result.asidePath == "\(place.path).aside\(number)")
                #expect(FileManager.default.contents(atPath: "\(place.path).aside\(number)") == Data([1, 2, 3]))
                #expect(FileManager.default.contents(atPath: "\(place.path).aside\(number)-wal") == Data([4]))
                #expect(try place.version() == ["1"])
            }
            // What the log made itself is not kept: every crash would leave a copy.
            place.write([1, 2, 3])
            place.write([4], "-wal")
            #expect(try await place.boot().asidePath == nil)
            #expect(try place.version() == ["1"])
            #expect(!FileManager.default.fileExists(atPath: "\(place.path)-wal"))
        }
    }

    @Test func `an empty replica adopts, begins anew, or is refused`() async throws {
        try await withPlace { place in
            #expect(try await place.boot().plan == .fresh)
            place.write(try Self.page(3))
            #expect(try await place.boot().plan == .adopt)
            #expect(try place.version() == ["3"])
            let error = await #expect(throws: BootError.self) { try await place.boot(requiresReplica: true) }
            #expect(error.map { "\($0)" }?.contains("a new log may not begin") == true)
        }
    }

    @Test(arguments: [ObjectStoreError.Kind.unreachable, .credentials, .accessDenied, .bucketMissing])
    func `a replica that cannot be asked is never taken for an empty one`(kind: ObjectStoreError.Kind) async throws {
        try await withPlace { place in
            place.write(try Self.page(3))
            place.bench.faults.plan(.list, .refuse(kind))
            let error = await #expect(throws: BootError.self) { try await place.boot() }
            guard case .restore(.restore(.store(let cause))) = error else {
                Issue.record("\(String(describing: error)) does not say why")
                return
            }
            #expect(cause.kind == kind)
            #expect(try place.version() == ["3"])
        }
    }

    @Test func `a gap and a broken chain are named, and the local file stays`() async throws {
        try await withPlace { place in
            let log = place.bench.log()
            for version in 1...4 as ClosedRange<UInt8> { try await append(version, to: log) }
            place.write([7])
            let third = try await place.bench.store.get(LogBench.key(3)).bytes
            var header = try Header(third.span)
            header.timestampMilliseconds += 1
            try await place.bench.store.put(LogBench.key(3), LogBench.file(0, header).bytes)
            let broken = await #expect(throws: BootError.self) { try await place.boot() }
            #expect(broken.map { "\($0)" }?.contains("does not follow on \(LogBench.key(3))") == true)
            _ = try await place.bench.store.delete(LogBench.key(3))
            let gap = await #expect(throws: BootError.self) { try await place.boot() }
            #expect(gap.map { "\($0)" }?.contains("there is a gap") == true)
            #expect(FileManager.default.contents(atPath: "\(place.path).aside") == Data([7]))
        }
    }

    @Test func `a record that is cut off or changed is none`() throws {
        guard let checksum = Checksum(rawValue: 1 << 63 | 5) else { return }
        let position = Position(txid: TXID(rawValue: 3), fileChecksum: checksum)
        let record = PositionRecord(
            tip: LogTip(position: position, timestampMilliseconds: -1),
            replica: "s3://b/p at http://h",
            stamp: DatabaseStamp(size: 1, modifiedNanoseconds: 2)
        )
        #expect(PositionRecord(text: record.text) == record)
        for count in 0..<record.text.count { #expect(PositionRecord(text: String(record.text.prefix(count))) == nil) }
    }
}
