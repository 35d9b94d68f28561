import Foundation
import HTTPClient
import StoreTestSupport
import Testing

@testable import ObjectStore

/// What every store must do, whatever is behind it.
@Suite(.serialized) struct StoreContractTests {
    @Test(arguments: StoreUnderTest.creatingOnce)
    func `a key is created once, and the first bytes stay`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let receipt = try await store.createIfAbsent("0/1", [1])
            #expect(receipt.etag != nil)
            await expect(.exists) { try await store.createIfAbsent("0/1", [2, 2]) }
            await expect(.exists) { try await store.createIfAbsent("0/1", []) }
            #expect(try await store.get("0/1").bytes == [1])
            #expect(try await store.head("0/1").etag == receipt.etag)
        }
    }

    @Test(arguments: StoreUnderTest.creatingOnce)
    func `of eight creates at once one wins, and its bytes are read back`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            for round in 0..<3 {
                let key = "race/\(round)"
                let winners = await withTaskGroup(of: UInt8?.self) { group in
                    for writer in 0..<UInt8(8) {
                        group.addTask {
                            // Whoever lost may be told "taken" or "unknown", but never "created".
                            (try? await store.createIfAbsent(key, [writer, UInt8(round)])) == nil ? nil : writer
                        }
                    }
                    return await group.reduce(into: [UInt8]()) { $0 += $1.map { [$0] } ?? [] }
                }
                #expect(winners.count == 1)
                let kept = try await store.get(key).bytes
                #expect(kept.first == winners.first)
            }
        }
    }

    /// As far as a store says it: which is where Litestream looks, each kind of store having its own place.
    @Test(arguments: StoreUnderTest.wanted.filter { $0 != .rclone })
    func `the time that an object is of is kept beside it`(kind: StoreUnderTest) async throws {
        let time = try #require(StoreTime(iso8601: "2026-11-21T00:21:53.097Z"))
        let large = [UInt8](repeating: 1, count: StoreSettings.partBytesMin + 1)
        try await kind.withStore { store in
            _ = try await store.createIfAbsent("created", [1], timestamp: time)
            try await store.put("put", [1], timestamp: time)
            try await store.put("in parts", large, timestamp: time)
            for key in ["created", "put", "in parts"] {
                guard let cloud = store as? any CloudStore else {
                    #expect(try await store.head(key).lastModified == time)
                    continue
                }
                let answer = try await cloud.send(.head, key, .reads, .head)
                let kept = ["x-amz-meta-litestream-timestamp", "x-goog-meta-litestream-timestamp"]
                    .compactMap(answer.header)
                let azure = answer.header("x-ms-meta-litestreamtimestamp").map { [$0] } ?? []
                #expect(kept + azure == [time.iso8601])
            }
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `a listing says when it was made, and when each object came`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let before = StoreClock.system.now()
            _ = try await store.createIfAbsent("k", [1], timestamp: StoreTime(unixMilliseconds: 0))
            let page = try await store.list(ListRequest(prefix: ""))
            let times = [page.storeTime, page.objects.first?.receivedAt]
            for time in times {
                let age = try #require(time).since(before)
                #expect(age > .seconds(-2) && age < .seconds(60))
            }
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `a put replaces, and a created key can be replaced`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let first = try await store.createIfAbsent("k", [1, 2, 3])
            let second = try await store.put("k", [4, 5])
            #expect(first.etag != second.etag)
            let object = try await store.get("k")
            #expect(object.bytes == [4, 5])
            #expect(object.info.size == 2)
            #expect(object.info.etag == second.etag)
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `an empty object is an object`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            try await store.put("put", [])
            _ = try await store.createIfAbsent("created", [])
            #expect(try await store.get("put").bytes == [])
            #expect(try await store.head("created").size == 0)
            #expect(try await store.listAll("").map(\.key) == ["created", "put"])
            var pieces = 0
            _ = try await store.read("put") { _ in pieces += 1 }
            #expect(pieces == 0)
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `an object that reads like a refusal is an object`(kind: StoreUnderTest) async throws {
        let refusal = Array("<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>no</Message></Error>".utf8)
        try await kind.withStore { store in
            try await store.put("k", refusal)
            #expect(try await store.get("k").bytes == refusal)
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `what is not there is not found, and deleting it is no error`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            await expect(.notFound) { try await store.get("none/at/all") }
            await expect(.notFound) { try await store.head("none/at/all") }
            await expect(.notFound) {
                try await store.get("none", range: ObjectRange(offset: 0, count: 1), ifMatch: nil)
            }
            _ = try await store.delete("none/at/all")
            let none = try await store.list(ListRequest(prefix: "none"))
            #expect(none.objects == [] && none.next == nil)
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `a deleted key is gone and can be created again`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            _ = try await store.createIfAbsent("k", [1])
            _ = try await store.delete("k")
            await expect(.notFound) { try await store.get("k") }
            #expect(try await store.listAll("") == [])
            _ = try await store.createIfAbsent("k", [2])
            #expect(try await store.get("k").bytes == [2])
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `ranges are cut at the end, and one behind it is refused`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
            try await store.put("k", bytes)
            for range in [0..<1, 0..<1000, 999..<1000, 100..<612] {
                let object = try await store.get(
                    "k",
                    range: ObjectRange(offset: range.lowerBound, count: range.count),
                    ifMatch: nil
                )
                #expect(object.bytes == Array(bytes[range]))
                #expect(object.info.size == 1000, "the size is that of the whole object")
            }
            let tail = try await store.get("k", range: ObjectRange(offset: 990, count: 100), ifMatch: nil)
            #expect(tail.bytes == Array(bytes[990...]))
            await expect(.outOfRange) {
                try await store.get("k", range: ObjectRange(offset: 1000, count: 1), ifMatch: nil)
            }
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `a pinned read never mixes two states of an object`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            try await store.put("k", [UInt8](repeating: 1, count: 30))
            let etag = try #require(try await store.head("k").etag)
            let range = ObjectRange(offset: 10, count: 5)
            #expect(try await store.get("k", range: range, ifMatch: etag).bytes == [1, 1, 1, 1, 1])
            #expect(try await store.get("k", range: nil, ifMatch: etag).bytes.count == 30)
            try await store.put("k", [UInt8](repeating: 2, count: 30))
            await expect(.changed) { try await store.get("k", range: range, ifMatch: etag) }
            await expect(.changed) { try await store.get("k", range: nil, ifMatch: etag) }
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `an object is read in pieces, and one replaced meanwhile is noticed`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 3) }
            try await store.put("k", bytes)
            var sizes: [Int] = []
            var read: [UInt8] = []
            let info = try await store.read("k", pieceBytes: 300) { piece in
                sizes.append(piece.count)
                read += piece
            }
            #expect(read == bytes)
            #expect(sizes == [300, 300, 300, 100])
            #expect(info.size == 1000)
            await expect(.changed) {
                try await store.read("k", pieceBytes: 300) { (_) throws(ObjectStoreError) in
                    try await store.put("k", [UInt8](repeating: 0, count: 1000))
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `keys with any character come back as they were`(kind: StoreUnderTest) async throws {
        let keys = [
            "plain", "with space", "plus+sign", "percent%2Fsign", "hash#mark", "question?mark", "a=b&c=d", "ümlaut",
            "日本/語", "emoji🦊", "star*tilde~", "(parens)!'quote", "quote\"double", "semi;colon,comma", "at@colon:",
            "dollar$", "back\\slash", "less<greater>&amp;", "pipe|caret^`{}[]", ".hidden", "a..b", "e\u{301}",
            "tab\tand\u{1}control", "trailing ", "0000/0000000000000001-0000000000000001.ltx",
        ].filter { kind.allows($0) }
        try await kind.withStore { store in
            for (index, key) in keys.enumerated() {
                _ = try await store.createIfAbsent(key, [UInt8(index)])
            }
            for (index, key) in keys.enumerated() {
                #expect(try await store.get(key).bytes == [UInt8(index)], "\(key)")
                #expect(try await store.listAll(key).map { Array($0.key.utf8) }.contains(Array(key.utf8)), "\(key)")
            }
            let listed = try await store.listAll("").map { Array($0.key.utf8) }
            #expect(listed == keys.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) })
            for key in keys { _ = try await store.delete(key) }
            #expect(try await store.listAll("") == [])
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `a list has the keys of the prefix in byte order, in pages of the asked size`(
        kind: StoreUnderTest
    ) async throws {
        let keys = ["a-b", "a.b", "a/b-c", "a/b/c", "a/b/d", "a/b0", "a/c", "a0", "b/1", "b/2", "b/3"]
        try await kind.withStore { store in
            for key in keys.shuffled() { try await store.put(key, Array(key.utf8)) }
            #expect(try await store.listAll("").map(\.key) == keys)
            for prefix in ["a", "a/", "a/b", "a/b/", "b/", "b/2", "c", "a/b/c"] {
                #expect(try await store.listAll(prefix).map(\.key) == keys.filter { $0.hasPrefix(prefix) }, "\(prefix)")
            }
            for startAfter in keys + ["", "a/", "a/a", "a/b/c0", "z"] {
                let expected = keys.filter { startAfter.utf8.lexicographicallyPrecedes($0.utf8) }
                #expect(try await store.listAll("", startAfter: startAfter).map(\.key) == expected, "\(startAfter)")
            }
            #expect(try await store.listAll("a/", startAfter: "a/b/c").map(\.key) == ["a/b/d", "a/b0", "a/c"])
            for limit in [1, 2, 3, keys.count, keys.count + 1] {
                var listed: [String] = []
                var next: ListRequest? = ListRequest(prefix: "", limit: limit)
                while let request = next {
                    let page = try await store.list(request)
                    #expect(page.objects.count <= limit)
                    listed += page.objects.map(\.key)
                    next = page.next
                }
                #expect(listed == keys, "in pages of \(limit)")
            }
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `more keys than the largest page are all listed`(kind: StoreUnderTest) async throws {
        let keys = (0..<1005).map { "many/\(String($0 + 10_000))" }
        try await kind.withStore { store in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for key in keys { group.addTask { try await store.put(key, [1]) } }
                try await group.waitForAll()
            }
            #expect(try await store.listAll("many/").map(\.key) == keys)
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `a listing tells size, ETag and time as head does`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let before = StoreClock.system.now()
            let receipt = try await store.put("a/b", [1, 2, 3])
            let head = try await store.head("a/b")
            let listed = try #require(try await store.list(ListRequest(prefix: "a")).objects.first)
            let got = try await store.get("a/b").info
            #expect(head.size == 3 && listed.size == 3 && got.size == 3)
            #expect(head.etag == receipt.etag && got.etag == receipt.etag)
            #expect(listed.etag == receipt.etag)
            let modified = try #require(head.lastModified)
            let listedModified = try #require(listed.lastModified)
            let storeTime = try #require(receipt.storeTime)
            #expect(abs(listedModified.since(modified).components.seconds) <= 1)
            #expect(before + .seconds(-2) < modified && modified < storeTime + .seconds(2))
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `every answer carries the store's own time, that of a refusal too`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let before = StoreClock.system.now()
            var times: [StoreTime?] = [
                try await store.createIfAbsent("k", [1]).storeTime, try await store.put("k", [2]).storeTime,
                try await store.get("k").info.storeTime, try await store.head("k").storeTime,
                try await store.delete("k").storeTime,
            ]
            do throws(ObjectStoreError) { _ = try await store.get("k") } catch { times.append(error.storeTime) }
            #expect(times.count == 6)
            for time in times {
                let time = try #require(time)
                #expect(before + .seconds(-2) < time && time < StoreClock.system.now() + .seconds(2))
            }
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `two prefixes of one place do not see each other`(kind: StoreUnderTest) async throws {
        try await kind.withStores(["one", "one-more"]) { stores in
            _ = try await stores[0].createIfAbsent("k", [1])
            _ = try await stores[1].createIfAbsent("k", [2])
            #expect(try await stores[0].get("k").bytes == [1])
            #expect(try await stores[0].listAll("").map(\.key) == ["k"])
            _ = try await stores[1].delete("k")
            #expect(try await stores[0].listAll("").map(\.key) == ["k"])
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `a body larger than a part arrives whole, in a bounded number of pieces`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let source = PatternSource(byteCount: 11 << 20)
            let receipt = try await store.put("big", from: source)
            #expect(source.readMax <= 8 << 20)
            var offset = 0
            let info = try await store.read("big", pieceBytes: 3 << 20) { piece in
                let expected = PatternSource.bytes(offset..<(offset + piece.count))
                #expect(piece == expected, "at \(offset)")
                offset += piece.count
            }
            #expect(offset == 11 << 20)
            // Ceph does not tell the ETag of an upload in parts, and rclone tells one that it does not keep.
            if kind != .radosgw, kind != .rclone { #expect(info.etag == receipt.etag) }
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `an upload whose source fails leaves the old object`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            try await store.put("k", [1])
            for failAt in [0, 6 << 20] {
                await expect(.source) {
                    try await store.put("k", from: PatternSource(byteCount: 11 << 20, failAt: failAt))
                }
            }
            #expect(try await store.get("k").bytes == [1])
            #expect(try await store.listAll("").map(\.key) == ["k"])
        }
    }

    @Test(arguments: StoreUnderTest.creatingOnce)
    func `a key may be the beginning of another, or the store says that it cannot`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            _ = try await store.createIfAbsent("a", [1])
            guard kind.isFlat else {
                await expect(.rejected) { try await store.createIfAbsent("a/b", [2]) }
                await expect(.rejected) { try await store.put("a/b", [2]) }
                await expect(.notFound) { try await store.get("a/b") }
                return
            }
            _ = try await store.createIfAbsent("a/b", [2])
            #expect(try await store.get("a").bytes == [1])
            #expect(try await store.listAll("").map(\.key) == ["a", "a/b"])
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `a key that no store could keep is refused everywhere`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let long = String(repeating: "k", count: 1025)
            for key in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\0b", long] {
                await expect(.invalidKey) { try await store.get(key) }
                await expect(.invalidKey) { try await store.createIfAbsent(key, [1]) }
                await expect(.invalidKey) { try await store.put(key, [1]) }
                await expect(.invalidKey) { try await store.delete(key) }
                await expect(.invalidKey) { try await store.head(key) }
            }
        }
    }

    @Test(arguments: StoreUnderTest.wanted)
    func `a call in a cancelled task does nothing`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                await expect(.cancelled) { try await store.createIfAbsent("k", [1]) }
                await expect(.cancelled) { try await store.put("k", [1]) }
                await expect(.cancelled) { try await store.list(ListRequest(prefix: "")) }
            }
            await task.value
            await expect(.notFound) { try await store.get("k") }
        }
    }
}

/// Bytes that can be told apart by place, and a memory of how they were asked for.
private final class PatternSource: ByteSource, @unchecked Sendable {
    // Safe: a source has one reader.
    private let byteCount: Int
    private let failAt: Int?
    private var offset = 0
    private(set) var readMax = 0

    struct Failure: Error {}

    init(byteCount: Int, failAt: Int? = nil) { (self.byteCount, self.failAt) = (byteCount, failAt) }

    func read(_ count: Int) throws -> [UInt8] {
        if let failAt, offset + count > failAt { throw Failure() }
        readMax = max(readMax, count)
        defer { offset = min(byteCount, offset + count) }
        return Self.bytes(offset..<min(byteCount, offset + count))
    }

    /// Repeats with a period that no part or piece is a multiple of.
    static func bytes(_ range: Range<Int>) -> [UInt8] {
        let start = range.lowerBound % period
        return Array(repeated[start..<(start + range.count)])
    }

    private static let period = 65_521
    private static let repeated: [UInt8] = {
        let block = (0..<period).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        return Array([[UInt8]](repeating: block, count: (12 << 20) / period).joined())
    }()
}
