import Foundation
import StoreTestSupport
import Testing

@testable import ObjectStore

/// What is S3's alone, on a server that checks every signature.
@Suite(.enabled(if: RealPeer.radosgw.isWanted)) struct S3StoreTests {
    func settings() async throws -> StoreSettings {
        var settings = StoreSettings(kind: .s3)
        settings.bucket = "s3-\(UUID().uuidString.lowercased())"
        settings.endpoint = "http://radosgw.localhost:\(try await RealPeer.radosgw.start().port)"
        (settings.accessKeyID, settings.secretAccessKey) = ("testkey", "testsecret")
        try await createBucket(settings)
        return settings
    }

    @Test func `a bucket in the host name works like one in the path`() async throws {
        var settings = try await settings()
        let inPath = try settings.open(.test())
        settings.forcePathStyle = false
        let inHost = try settings.open(.test())
        for key in ["a/b c", "plus+", "ü/日本", "q?x=1&y"] {
            _ = try await inHost.createIfAbsent(key, Array(key.utf8))
            #expect(try await inPath.get(key).bytes == Array(key.utf8))
        }
        #expect(try await inHost.listAll("").count == 4)
        #expect(try await inHost.listAll("q?") == inPath.listAll("q?"))
    }

    @Test func `a URL with bucket, host and port leads to the same bucket`() async throws {
        let settings = try await settings()
        let endpoint = try Endpoint(try #require(settings.endpoint))
        let variables = ["LITESTREAM_ACCESS_KEY_ID": "testkey", "LITESTREAM_SECRET_ACCESS_KEY": "testsecret"]
        let byURL = try StoreSettings(url: "s3://\(settings.bucket).\(endpoint.host)/some/where").open(.test(variables))
        _ = try await byURL.createIfAbsent("k", [1])
        #expect(try await settings.open(.test()).listAll("").map(\.key) == ["some/where/k"])
    }

    @Test func `a wrong secret, an unknown key and a missing bucket are told apart by a real server`() async throws {
        let good = try await settings()
        var wrongSecret = good
        wrongSecret.secretAccessKey = "wrong"
        await expect(.credentials) { try await wrongSecret.open(.test()).get("k") }
        var unknownKey = good
        unknownKey.accessKeyID = "unknown"
        await expect(.credentials) { try await unknownKey.open(.test()).createIfAbsent("k", [1]) }
        var missing = good
        missing.bucket += "-not"
        await expect(.bucketMissing) { try await missing.open(.test()).get("k") }
        await expect(.bucketMissing) { try await missing.open(.test()).createIfAbsent("k", [1]) }
        await expect(.bucketMissing) { try await missing.open(.test()).listAll("") }
        var late = StoreEnvironment.test()
        late.clock.now = { StoreClock.system.now() + .seconds(-3600) }
        let error = await #expect(throws: ObjectStoreError.self) { try await good.open(late).get("k") }
        #expect(error?.kind == .misconfigured && error?.advice == "set this machine's clock")
    }
}
