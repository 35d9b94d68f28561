import Foundation
import HTTPClient
import StoreTestSupport
import Testing

@testable import ObjectStore

/// What a store's client makes of a network and a service that fail in the middle.
@Suite(.serialized, .enabled(if: RealPeer.moto.isWanted)) struct StoreFaultTests {
    /// A store behind a proxy that was told what to break.
    struct Rig {
        let proxy: Peer
        let direct: any ObjectStore
        let store: any ObjectStore

        init(_ change: (inout StoreEnvironment) -> Void = { _ in }) async throws {
            let moto = try await RealPeer.moto.start()
            proxy = try await Peer.start("faultproxy.py", String(moto.port))
            var settings = StoreSettings(kind: .s3)
            settings.bucket = "faults-\(UUID().uuidString.lowercased())"
            settings.endpoint = "http://127.0.0.1:\(moto.port)"
            (settings.accessKeyID, settings.secretAccessKey) = ("testkey", "testsecret")
            settings.partBytes = StoreSettings.partBytesMin
            try await createBucket(settings)
            var environment = StoreEnvironment.test()
            environment.limits = TransferLimits(connect: .seconds(2), stall: .seconds(1), total: .seconds(4))
            environment.clock.sleep = { _ in }
            environment.clock.elapsed = { .zero }
            change(&environment)
            direct = try settings.open(environment)
            settings.endpoint = "http://127.0.0.1:\(proxy.port)"
            store = try settings.open(environment)
        }

        func plan(_ faults: [String]) async throws {
            let body = try JSONEncoder().encode(faults)
            let url = "http://127.0.0.1:\(proxy.port)/__faults"
            _ = try await StoreEnvironment.sharedClient.send(ClientRequest(.post, url, body: Array(body)))
        }

        func log() async throws -> [String] {
            let url = "http://127.0.0.1:\(proxy.port)/__log"
            let answer = try await StoreEnvironment.sharedClient.send(ClientRequest(.get, url))
            return try JSONDecoder().decode([String].self, from: Data(answer.body))
        }
    }

    static func answer(_ status: Int, _ code: String, _ headers: String = "") -> String {
        "answer|\(status)|\(headers)|" + (code.isEmpty ? "" : "<Error><Code>\(code)</Code></Error>")
    }

    @Test(arguments: [
        // What happens to the request, what the caller is told, and whether the object is there.
        ("reset-before", ObjectStoreError.Kind.ambiguous, false), ("reset-after", .ambiguous, true),
        ("stall-before", .ambiguous, false), ("stall-after", .ambiguous, true),
        (answer(500, "InternalError"), .ambiguous, false), (answer(502, ""), .ambiguous, false),
        (answer(503, "SlowDown"), .ambiguous, false), (answer(504, ""), .ambiguous, false),
        (answer(409, "ConditionalRequestConflict"), .ambiguous, false),
        (answer(412, "PreconditionFailed"), .exists, false),
        (answer(403, "AccessDenied"), .accessDenied, false), (answer(404, "NoSuchBucket"), .bucketMissing, false),
        (answer(400, "InvalidRequest"), .rejected, false), (answer(501, "NotImplemented"), .ambiguous, false),
    ])
    func `a create whose answer is lost is sent once and never called a success or a failure`(
        fault: String,
        kind: ObjectStoreError.Kind,
        isApplied: Bool
    ) async throws {
        let rig = try await Rig()
        try await rig.plan([fault])
        await expect(kind) { try await rig.store.createIfAbsent("k", [1]) }
        #expect(try await rig.log().count == 1)
        let isThere = try await !rig.direct.listAll("k").isEmpty
        #expect(isThere == isApplied)
    }

    @Test func `a create that certainly did nothing is tried again`() async throws {
        let rig = try await Rig()
        try await rig.plan([Self.answer(429, "SlowDown"), Self.answer(400, "RequestTimeout")])
        _ = try await rig.store.createIfAbsent("k", [1])
        #expect(try await rig.log().count == 3)
        #expect(try await rig.direct.get("k").bytes == [1])
    }

    @Test(arguments: [
        "reset-before", "reset-after", "stall-before", answer(500, "InternalError"), answer(503, "SlowDown"),
        answer(429, ""), answer(502, ""), answer(409, "OperationAborted"),
    ])
    func `a put, a deletion and every question are tried again until they work`(fault: String) async throws {
        let rig = try await Rig()
        try await rig.plan([fault])
        try await rig.store.put("k", [1, 2, 3])
        #expect(try await rig.log() == ["PUT \(fault)", "PUT pass"])
        for (method, call) in calls(rig.store) {
            try await rig.plan([fault])
            let isRight = try await call()
            #expect(isRight)
            #expect(try await rig.log() == ["\(method) \(fault)", "\(method) pass"])
        }
    }

    func calls(_ store: any ObjectStore) -> [(String, () async throws -> Bool)] {
        [
            ("GET", { try await store.get("k").bytes == [1, 2, 3] }),
            ("HEAD", { try await store.head("k").size == 3 }),
            ("GET", { try await store.list(ListRequest(prefix: "")).objects.count == 1 }),
            ("DELETE", { try await store.delete("k").storeTime != nil }),
        ]
    }

    @Test func `an answer that was cut short is asked for again and never handed on`() async throws {
        let rig = try await Rig()
        try await rig.direct.put("k", [UInt8](repeating: 7, count: 100_000))
        try await rig.plan(["truncate"])
        #expect(try await rig.store.get("k").bytes.count == 100_000)
        #expect(try await rig.log().count == 2)
        try await rig.plan(["short"])
        await expect(.damaged) {
            try await rig.store.get("k", range: ObjectRange(offset: 0, count: 100_000), ifMatch: nil)
        }
        try await rig.plan(["short"])
        await expect(.damaged) { try await rig.store.list(ListRequest(prefix: "")) }
    }

    @Test func `an answer of another state than the pinned one is noticed`() async throws {
        let rig = try await Rig()
        try await rig.direct.put("k", [1, 2, 3])
        let etag = try await rig.direct.head("k").etag
        try await rig.plan(["other-etag"])
        await expect(.changed) { try await rig.store.get("k", range: nil, ifMatch: etag) }
    }

    @Test func `an answer without a date has no store time`() async throws {
        let rig = try await Rig()
        try await rig.plan(["no-date"])
        let receipt = try await rig.store.createIfAbsent("k", [1])
        #expect(receipt.storeTime == nil && receipt.etag != nil)
    }

    @Test func `a store that stays away is given up within the deadline, and the last error tells why`() async throws {
        let rig = try await Rig { $0.retry = RetryPolicy(attemptsMax: 3) }
        try await rig.plan([String](repeating: Self.answer(503, "ServiceUnavailable"), count: 9))
        await expect(.unavailable) { try await rig.store.get("k") }
        #expect(try await rig.log().count == 3)
        try await rig.plan([String](repeating: "reset-before", count: 9))
        await expect(.unreachable) { try await rig.store.head("k") }
        _ = try await rig.log()
        try await rig.plan([String](repeating: "reset-before", count: 9))
        await expect(.ambiguous) { try await rig.store.put("k", [1]) }
        #expect(try await rig.log().count == 3)
    }

    @Test(arguments: [
        (["reset-after", answer(403, "AccessDenied")], ObjectStoreError.Kind.ambiguous),
        ([answer(500, "InternalError"), answer(403, "AccessDenied")], .ambiguous),
        ([answer(429, "SlowDown"), answer(403, "AccessDenied")], .accessDenied),
    ])
    func `a put that failed for certain after one that may have worked is ambiguous`(
        faults: [String],
        kind: ObjectStoreError.Kind
    ) async throws {
        let rig = try await Rig()
        try await rig.plan(faults)
        await expect(kind) { try await rig.store.put("k", [1]) }
        #expect(try await rig.log().count == 2)
    }

    @Test func `a deletion that is sent again after it worked has worked`() async throws {
        let rig = try await Rig()
        try await rig.direct.put("k", [1])
        try await rig.plan(["reset-after", Self.answer(404, "NoSuchKey")])
        _ = try await rig.store.delete("k")
        await expect(.notFound) { try await rig.direct.head("k") }
    }

    @Test func `the store's wish to be left alone is heeded, and too long a wish ends the call`() async throws {
        let slept = Slept()
        let rig = try await Rig {
            $0.clock.sleep = { slept.add($0) }
            $0.clock.random = { 0.5 }
        }
        try await rig.plan([Self.answer(503, "SlowDown", "Retry-After=2"), Self.answer(503, "SlowDown")])
        try await rig.store.put("k", [1])
        #expect(slept.all == [.seconds(2) + .milliseconds(50), .milliseconds(100)])
        try await rig.plan([Self.answer(503, "SlowDown", "Retry-After=3600")])
        let error = await #expect(throws: ObjectStoreError.self) { try await rig.store.get("k") }
        #expect(error?.kind == .throttled && error?.retryAfter == .seconds(3600))
    }

    @Test func `nobody there at all is unreachable, also for a create, and says where it looked`() async throws {
        var settings = StoreSettings(kind: .s3)
        (settings.bucket, settings.endpoint) = ("b", "http://127.0.0.1:1")
        (settings.accessKeyID, settings.secretAccessKey) = ("testkey", "hidden")
        var environment = StoreEnvironment.test()
        environment.clock.sleep = { _ in }
        let store = try settings.open(environment)
        let error = await #expect(throws: ObjectStoreError.self) { _ = try await store.createIfAbsent("k", [1]) }
        #expect(error?.kind == .unreachable)
        let text = "\(try #require(error))"
        #expect(text.contains("127.0.0.1:1") && text.contains("\"k\"") && !text.contains("hidden"))
    }

    @Test func `a bucket in another region is found when nobody named one, and explained when somebody did`()
        async throws
    {
        let rig = try await Rig()
        try await rig.plan([Self.answer(301, "PermanentRedirect", "x-amz-bucket-region=eu-west-1")])
        _ = try await rig.store.createIfAbsent("k", [1])
        #expect(try await rig.log().count == 2, "and the second time with the right region")

        var settings = StoreSettings(kind: .s3)
        (settings.bucket, settings.endpoint, settings.region) = ("b", "http://127.0.0.1:\(rig.proxy.port)", "us-east-2")
        (settings.accessKeyID, settings.secretAccessKey) = ("testkey", "testsecret")
        let named = try settings.open(.test())
        for fault in [
            Self.answer(307, "TemporaryRedirect", "x-amz-bucket-region=eu-west-1"),
            "answer|400||<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>",
        ] {
            try await rig.plan([fault])
            let error = await #expect(throws: ObjectStoreError.self) { try await named.get("k") }
            #expect(error?.kind == .misconfigured && error?.advice == "set region to eu-west-1")
        }
        try await rig.plan(["answer|307|Location=http://elsewhere/|"])
        let error = await #expect(throws: ObjectStoreError.self) { try await named.get("k") }
        #expect(error?.kind == .misconfigured && error?.detail.contains("http://elsewhere/") == true)
    }

    @Test(arguments: [
        (answer(403, "InvalidAccessKeyId"), ObjectStoreError.Kind.credentials),
        (answer(403, "SignatureDoesNotMatch"), .credentials), (answer(400, "ExpiredToken"), .credentials),
        (answer(403, "AccessDenied"), .accessDenied), (answer(403, ""), .accessDenied),
        (answer(403, "RequestTimeTooSkewed"), .misconfigured), (answer(404, "NoSuchBucket"), .bucketMissing),
        (answer(404, "NoSuchKey"), .notFound), (answer(404, ""), .notFound), (answer(418, ""), .rejected),
        ("answer|404||<html>not <b>S3</html>", .notFound),
    ])
    func `why a question is refused is told apart, at once`(fault: String, kind: ObjectStoreError.Kind) async throws {
        let rig = try await Rig()
        try await rig.plan([fault])
        await expect(kind) { try await rig.store.get("k") }
        #expect(try await rig.log().count == 1)
    }

    @Test func `a listing of a missing bucket is not an empty listing`() async throws {
        let rig = try await Rig()
        try await rig.plan([Self.answer(404, "")])
        await expect(.bucketMissing) { try await rig.store.list(ListRequest(prefix: "")) }
        for body in [
            "", "<html/>", "<ListBucketResult/>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        ] {
            try await rig.plan(["answer|200||\(body)"])
            await expect(.damaged) { try await rig.store.list(ListRequest(prefix: "")) }
        }
    }

    @Test func `an upload in parts survives lost answers, and its lost end is ambiguous`() async throws {
        let rig = try await Rig()
        let body = [UInt8](repeating: 3, count: 11 << 20)
        try await rig.plan(["pass", "reset-after", "pass", "reset-before"])
        try await rig.store.put("k", body)
        #expect(try await rig.direct.head("k").size == body.count)
        // Start, three parts, and the end: done, but the answer is lost.
        try await rig.plan(["pass", "pass", "pass", "pass", "reset-after"])
        await expect(.ambiguous) { try await rig.store.put("k2", body) }
        #expect(try await rig.direct.head("k2").size == body.count)
        // The end may fail in an answer with status 200.
        try await rig.plan(["pass", "pass", "pass", "pass", Self.answer(200, "InternalError")])
        await #expect(throws: ObjectStoreError.self) { try await rig.store.put("k3", body) }
        await expect(.notFound) { try await rig.direct.head("k3") }
    }

    @Test func `an upload in parts that fails is removed from the store`() async throws {
        let rig = try await Rig()
        try await rig.plan(["pass", "pass", Self.answer(403, "AccessDenied")])
        await expect(.accessDenied) { try await rig.store.put("k", [UInt8](repeating: 3, count: 11 << 20)) }
        #expect(try await rig.log().last == "DELETE pass")
        await expect(.notFound) { try await rig.direct.head("k") }
    }
}

/// What a clock was asked to sleep.
final class Slept: @unchecked Sendable {
    // Safe: a store's call sleeps from one task.
    private(set) var all: [Duration] = []
    func add(_ duration: Duration) { all.append(duration) }
}
