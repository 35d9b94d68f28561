import FoundationEssentials
import Glibc
import LTX
import ObjectStore
import StoreTestSupport
import Synchronization
import Testing

@testable import Replication

@Suite struct RestorerTests {
    /// A replica on the disk and a folder to restore into.
    private struct Place {
        let root: String
        let folder: String
        var output: String { "\(folder)/out.db" }
        var store: FileStore { FileStore(root: root) }
        var restorer: Restorer { Restorer(store) }
        var leftovers: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: folder) } }
    }

    private func with(_ replica: ReplicaCase? = nil, _ body: (Place) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let place = Place(root: "\(folder)/replica", folder: "\(folder)/out")
            try FileManager.default.createDirectory(atPath: place.folder, withIntermediateDirectories: true)
            try replica?.copy(to: place.root)
            try await body(place)
        }
    }

    // MARK: What is restored

    @Test(arguments: ReplicaCase.all)
    func `a replica of the real Litestream becomes the database that it restores itself`(
        replica: ReplicaCase
    ) async throws {
        try await with(replica) { place in
            _ = try await place.restorer.restore(to: place.output, check: .full)
            #expect(try sha256(place.output) == replica.sha256)
            #expect(try place.leftovers == ["out.db"])
        }
    }

    /// What Litestream itself restored for these times; nil where it has nothing.
    @Test(
        arguments: [
            ("0.5", 1_795_220_490_199, 1), ("0.5", 1_795_220_493_200, 2), ("0.5", 1_795_220_496_200, 3),
            ("0.5", 1_795_220_499_201, 4), ("0.5", 1_795_220_502_202, 5), ("0.5", 1_795_220_505_206, 6),
            ("0.5", 1_795_220_508_206, 7), ("0.5", 1_795_216_887_499, nil), ("0.5", 1_795_224_108_507, 8),
            ("0.3", 1_795_220_479_663, 1), ("0.3", 1_795_220_482_664, 2), ("0.3", 1_795_220_485_665, 3),
            ("0.3", 1_795_220_488_665, 4), ("0.3", 1_795_220_491_666, 5), ("0.3", 1_795_220_494_666, 6),
            ("0.3", 1_795_220_497_667, 7), ("0.3", 1_795_216_876_963, nil), ("0.3", 1_795_224_097_968, nil),
        ] as [(String, Int64, Int?)]
    )
    func `a point in time has the rows committed before it`(line: String, time: Int64, count: Int?) async throws {
        try await with(.named(line, "pitr")) { place in
            do {
                _ = try await place.restorer.restore(to: place.output, .time(milliseconds: time))
                let rows = try query("SELECT id FROM ev ORDER BY id", ofFile: place.output)
                #expect(rows == (1...(try #require(count))).map(String.init))
            } catch RestoreError.plan(.outside) {
                #expect(count == nil)
                #expect(try place.leftovers == [])
            }
        }
    }

    @Test func `a transaction is restored to the same bytes from levels as from its own files alone`() async throws {
        try await with(.named("0.5", "pitr")) { place in
            let plain = Place(root: place.root + "-plain", folder: place.folder)
            try FileManager.default.createDirectory(atPath: plain.root + "/ltx", withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: place.root + "/ltx/0", toPath: plain.root + "/ltx/0")
            for number in 1...15 as ClosedRange<UInt64> {
                let target = RestorePlan.Target.txid(TXID(rawValue: number))
                let plan = try await place.restorer.restore(to: place.output, target, isForced: true)
                let expected = "\(place.folder)/plain.db"
                let long = try await plain.restorer.restore(to: expected, target, isForced: true)
                #expect(long.objects.count == number)
                #expect(plan.objects.count < number || number < 4)
                #expect(try sha256(place.output) == sha256(expected), "transaction \(number)")
            }
        }
    }

    @Test func `more files than are merged at a time become one database, also when it shrinks and grows`()
        async throws
    {
        let count: UInt64 = 700
        try await with { place in
            var expected: [[UInt8]] = []
            for number in 1...count {
                // Grows by a page each time, but every hundredth transaction leaves only three.
                let size = number % 100 == 0 ? 3 : expected.count + 1
                var pages = [(UInt32(size), [UInt8](repeating: UInt8(number % 251), count: 512))]
                if size > 1 { pages.insert((1, [UInt8](repeating: UInt8(number % 250), count: 512)), at: 0) }
                expected.removeLast(max(0, expected.count - size))
                expected += (expected.count..<size).map { _ in [] }
                for (page, data) in pages { expected[Int(page) - 1] = data }
                try write(pages, commit: UInt32(size), txid: number, below: place.root)
            }
            _ = try await place.restorer.restore(to: place.output, check: .none)
            #expect(try Array(Data(contentsOf: URL(filePath: place.output))) == expected.flatMap(\.self))
        }
    }

    private func write(
        _ pages: [(UInt32, [UInt8])],
        commit: UInt32,
        txid number: UInt64,
        holding last: UInt64? = nil,
        below root: String
    ) throws {
        let txid = TXID(rawValue: number)
        let header = Header(
            pageSize: 512,
            commit: commit,
            minTXID: txid,
            maxTXID: TXID(rawValue: last ?? number),
            timestampMilliseconds: 1
        )
        var bytes: [UInt8] = []
        var encoder = try Encoder(header, into: &bytes)
        for (page, data) in pages { try encoder.append(page: page, data.span, into: &bytes) }
        _ = try encoder.finish(into: &bytes)
        let path = "\(root)/" + ReplicaLayout.folder.key(level: 0, min: txid, max: txid)
        try FileManager.default.createDirectory(atPath: "\(root)/ltx/0", withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(filePath: path))
    }

    // MARK: What is refused

    @Test(arguments: [ReplicaCase.named("0.5", "fruits"), .named("0.3", "fruits"), .named("0.3", "grow-again")])
    func `a damaged or shortened object is an error with its key, and leaves nothing`(
        replica: ReplicaCase
    ) async throws {
        try await with(replica) { place in
            var damageCount = 0
            let keys = try keys(below: place.root)
            for key in keys {
                let path = "\(place.root)/\(key)"
                let good = try Data(contentsOf: URL(filePath: path))
                let time = try #require(try await place.store.head(key).lastModified)
                var flipped = good
                flipped[good.count / 2] ^= 0x10
                for bad in [flipped, good.prefix(good.count - 1), good.prefix(good.count / 2), Data(), good + [0]] {
                    try bad.write(to: URL(filePath: path))
                    try setTime(path, milliseconds: time.unixMilliseconds)
                    do {
                        _ = try await place.restorer.restore(to: place.output)
                        // A flipped bit can make LZ4 copy the same bytes from elsewhere; that is no damage.
                        #expect(bad == flipped)
                        #expect(try sha256(place.output) == replica.sha256, "\(key)")
                        try FileManager.default.removeItem(atPath: place.output)
                    } catch let error as RestoreError {
                        guard case .damaged(key, _) = error else { throw error }
                        damageCount += 1
                    }
                    #expect(try place.leftovers == [])
                }
                try good.write(to: URL(filePath: path))
                try setTime(path, milliseconds: time.unixMilliseconds)
            }
            #expect(damageCount >= keys.count * 5 - 1)
            _ = try await place.restorer.restore(to: place.output)
        }
    }

    /// The newest one is not missed: without it, this is an older state of the replica.
    @Test(
        arguments: [
            (ReplicaCase.named("0.5", "fruits"), "ltx/0/0000000000000005-0000000000000005.ltx"),
            (ReplicaCase.named("0.3", "fruits"), "generations/6f26ff4982c55b8c/wal/00000000_000090f8.wal.lz4"),
        ]
    )
    func `a missing object in the middle is an error, and leaves nothing`(replica: ReplicaCase, newest: String)
        async throws
    {
        try await with(replica) { place in
            for key in try keys(below: place.root) where key != newest {
                let path = "\(place.root)/\(key)"
                try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
                await #expect(throws: RestoreError.self, "without \(key)") {
                    try await place.restorer.restore(to: place.output)
                }
                #expect(try place.leftovers == [])
                try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
            }
        }
    }

    @Test func `a file with other transactions than its name says is an error with that name`() async throws {
        try await with { place in
            try write([(1, [UInt8](repeating: 1, count: 512))], commit: 1, txid: 1, holding: 2, below: place.root)
            let key = ReplicaLayout.folder.key(level: 0, min: TXID(rawValue: 1), max: TXID(rawValue: 1))
            let error = await #expect(throws: RestoreError.self) {
                try await place.restorer.restore(to: place.output, check: .none)
            }
            guard case .damaged(key, _) = error else { throw try #require(error) }
        }
    }

    @Test func `what SQLite finds wrong is an error, unless nobody asks it`() async throws {
        try await with(.named("0.5", "fruits")) { place in
            _ = try await place.restorer.restore(to: place.output)
            let good = Array(try Data(contentsOf: URL(filePath: place.output)))
            let bad = Place(root: place.root + "-bad", folder: place.folder)
            let pages = stride(from: 0, to: good.count, by: 512).map { start in
                let page = Array(good[start..<(start + 512)])
                // The second page of 4096 bytes, but not the header that says so.
                return (UInt32(start / 512 + 1), start / 4096 == 1 ? [UInt8](repeating: 7, count: 512) : page)
            }
            try write(pages, commit: UInt32(pages.count), txid: 1, below: bad.root)
            for check in [IntegrityCheck.quick, .full] {
                let error = await #expect(throws: RestoreError.self) {
                    try await bad.restorer.restore(to: "\(bad.folder)/bad.db", check: check)
                }
                guard case .integrity = error else { throw try #require(error) }
                #expect(try place.leftovers == ["out.db"])
            }
            _ = try await bad.restorer.restore(to: "\(bad.folder)/bad.db", check: .none)
        }
    }

    @Test func `an empty place is no replica, and a place that may not be read is another matter`() async throws {
        try await with { place in
            let error = await #expect(throws: RestoreError.self) {
                try await place.restorer.restore(to: place.output)
            }
            guard case .plan(.noReplica) = error else { throw try #require(error) }
            // A file where the root should be: root may read any folder.
            try Data().write(to: URL(filePath: place.root))
            let other = await #expect(throws: RestoreError.self) {
                try await place.restorer.restore(to: place.output)
            }
            guard case .store = other else { throw try #require(other) }
            #expect(try place.leftovers == [])
        }
    }

    // MARK: The target

    @Test(arguments: ["out.db", "out.db-wal", "out.db-shm", "out.db-journal"])
    func `what is there is not touched, unless that is asked for`(name: String) async throws {
        try await with(.named("0.5", "fruits")) { place in
            let path = "\(place.folder)/\(name)"
            try Data("precious".utf8).write(to: URL(filePath: path))
            let error = await #expect(throws: RestoreError.self) {
                try await place.restorer.restore(to: place.output)
            }
            guard case .targetExists(path) = error else { throw try #require(error) }
            #expect(try place.leftovers == [name])
            #expect(try String(contentsOf: URL(filePath: path), encoding: .utf8) == "precious")
            _ = try await place.restorer.restore(to: place.output, isForced: true)
            #expect(try place.leftovers == ["out.db"])
            #expect(try query("SELECT count(*) FROM fruits", ofFile: place.output) == ["4"])
        }
    }

    @Test func `an empty file is taken for a place that was kept free`() async throws {
        try await with(.named("0.5", "fruits")) { place in
            try Data().write(to: URL(filePath: place.output))
            _ = try await place.restorer.restore(to: place.output)
            #expect(try sha256(place.output) == ReplicaCase.named("0.5", "fruits").sha256)
        }
    }

    @Test func `what a killed restore left is taken over, and that of a live one is not`() async throws {
        try await with(.named("0.5", "fruits")) { place in
            let path = place.output + ".restoring"
            try Data(repeating: 1, count: 1_000_000).write(to: URL(filePath: path))
            let descriptor = open(path, O_RDWR)
            #expect(flock(descriptor, LOCK_EX) == 0)
            let error = await #expect(throws: RestoreError.self) {
                try await place.restorer.restore(to: place.output)
            }
            guard case .busy = error else { throw try #require(error) }
            #expect(try place.leftovers == ["out.db.restoring"])
            close(descriptor)
            _ = try await place.restorer.restore(to: place.output)
            #expect(try place.leftovers == ["out.db"])
            #expect(try sha256(place.output) == ReplicaCase.named("0.5", "fruits").sha256)
        }
    }

    // MARK: What happens meanwhile

    @Test func `a file that is compacted away between plan and fetch makes for another plan`() async throws {
        try await with(.named("0.5", "pitr")) { place in
            let keys = try keys(below: place.root)
            // All that is above level 0 comes only when the plan without it is being carried out.
            let later = keys.filter { !$0.hasPrefix("ltx/0/") }
            for key in later {
                try FileManager.default.moveItem(
                    atPath: "\(place.root)/\(key)",
                    toPath: "\(place.folder)/\(key.split(separator: "/").joined(separator: "_"))"
                )
            }
            let hasHappened = Mutex(false)
            let store = HookedStore(inner: place.store) { key in
                let isFirst = hasHappened.withLock { done in
                    defer { done = done || key.contains("-0000000000000003") }
                    return !done && key.contains("-0000000000000003")
                }
                guard isFirst else { return }
                for key in later {
                    try? FileManager.default.moveItem(
                        atPath: "\(place.folder)/\(key.split(separator: "/").joined(separator: "_"))",
                        toPath: "\(place.root)/\(key)"
                    )
                }
                for number in 1...9 {
                    try? FileManager.default.removeItem(
                        atPath: "\(place.root)/ltx/0/000000000000000\(number)-000000000000000\(number).ltx"
                    )
                }
            }
            let plan = try await Restorer(store).restore(to: place.output)
            #expect(hasHappened.withLock { $0 })
            #expect(plan.objects.count == 3)
            #expect(try place.leftovers == ["out.db"])
            #expect(try sha256(place.output) == ReplicaCase.named("0.5", "pitr").sha256)
        }
    }

    @Test func `a file that is listed and never there is named in the end`() async throws {
        try await with(.named("0.5", "fruits")) { place in
            let wanted = ReplicaLayout.folder.key(level: 0, min: TXID(rawValue: 4), max: TXID(rawValue: 4))
            let name = place.store.name
            let store = HookedStore(inner: place.store) { key throws(ObjectStoreError) in
                if key == wanted { throw ObjectStoreError(.notFound, .get, key: key, store: name, "gone") }
            }
            let error = await #expect(throws: RestoreError.self) {
                try await Restorer(store).restore(to: place.output)
            }
            guard case .vanished(let failure) = error else { throw try #require(error) }
            #expect(failure.key == wanted)
            #expect(try place.leftovers == [])
        }
    }

    @Test(arguments: [ReplicaCase.named("0.5", "fruits"), .named("0.3", "fruits")])
    func `a cancelled restore ends soon and leaves nothing`(replica: ReplicaCase) async throws {
        try await with(replica) { place in
            let (started, start) = AsyncStream<Void>.makeStream()
            let store = HookedStore(inner: place.store) { key throws(ObjectStoreError) in
                start.yield()
                do { try await Task.sleep(for: .seconds(600)) } catch {
                    throw ObjectStoreError(.cancelled, .get, key: key, store: "", "")
                }
            }
            let restore = Task { try await Restorer(store).restore(to: place.output) }
            for await _ in started { break }
            restore.cancel()
            let error = await #expect(throws: RestoreError.self) { try await restore.value }
            guard case .cancelled = error else { throw try #require(error) }
            #expect(try place.leftovers == [])
        }
    }

    @Test func `progress ends where the plan said`() async throws {
        try await with(.named("0.5", "shrunk")) { place in
            let progress = RestoreProgress()
            let plan = try await place.restorer.restore(to: place.output, progress: progress)
            #expect(progress.state.bytesPlanned == plan.byteCount)
            #expect(progress.state.bytesFetched == plan.byteCount)
            #expect(progress.state.phase == .checking)
        }
    }
}
