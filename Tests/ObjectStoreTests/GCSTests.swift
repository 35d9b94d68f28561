import Foundation
import HTTPClient
import StoreTestSupport
import Testing

@testable import ObjectStore

@Suite struct GCSTests {
    let gcs: Peer
    let google: Peer

    init() async throws {
        gcs = try await Peer.start("fake_gcs.py")
        google = try await Peer.start("credentials.py", "jwt")
    }

    func store(_ variables: [String: String], credentialsFile: String? = nil) throws -> any ObjectStore {
        var settings = StoreSettings(kind: .gcs)
        settings.bucket = "bkt"
        settings.endpoint = "http://127.0.0.1:\(gcs.port)"
        settings.credentialsFile = credentialsFile
        var environment = StoreEnvironment.test(variables)
        environment.clock.sleep = { _ in }
        return try settings.open(environment)
    }

    func account(_ change: (inout [String: String]) -> Void = { _ in }) throws -> String {
        var file = [
            "type": "service_account", "private_key_id": "key-1", "private_key": google.facts["private_key"] ?? "",
            "client_email": "robot@project.iam.gserviceaccount.com",
            "token_uri": "http://127.0.0.1:\(google.port)/token", "project_id": "ignored",
        ]
        change(&file)
        return String(decoding: try JSONEncoder().encode(file), as: UTF8.self)
    }

    func write(_ text: String, _ folder: String) throws -> String {
        try text.write(toFile: "\(folder)/key.json", atomically: true, encoding: .utf8)
        return "\(folder)/key.json"
    }

    @Test func `a service account's key is exchanged for a token, wherever the file is named`() async throws {
        try await withTemporaryFolder { folder in
            let path = try write(account(), folder)
            _ = try await store([:], credentialsFile: path).createIfAbsent("a", [1])
            _ = try await store(["GOOGLE_APPLICATION_CREDENTIALS": path]).createIfAbsent("b", [1])
            let usual = "\(folder)/application_default_credentials.json"
            try FileManager.default.copyItem(atPath: path, toPath: usual)
            _ = try await store(["CLOUDSDK_CONFIG": folder, "HOME": "/nowhere"]).createIfAbsent("c", [1])
        }
    }

    @Test func `what gcloud leaves for a user is exchanged too`() async throws {
        try await withTemporaryFolder { folder in
            let user = try account { file in
                file["type"] = "authorized_user"
                (file["client_id"], file["client_secret"], file["refresh_token"]) = ("client", "hush", "refresh")
            }
            _ = try await store(["GOOGLE_APPLICATION_CREDENTIALS": write(user, folder)]).createIfAbsent("a", [1])
        }
    }

    @Test func `a key that Google or we cannot use is a credential error that says why, and no secret`() async throws {
        let wrongKey = try await Peer.start("credentials.py", "jwt").facts["private_key"]
        let cases: [(String, (inout [String: String]) -> Void)] = [
            ("Invalid JWT Signature", { $0["private_key"] = wrongKey }), ("bad header", { $0["private_key_id"] = "x" }),
            ("bad claims", { $0["client_email"] = "x" }), ("private_key", { $0["private_key"] = "BEGIN hush" }),
            ("lacks", { $0["private_key"] = nil }), ("external_account", { $0["type"] = "external_account" }),
            ("\"type\"", { $0["type"] = nil }),
        ]
        for (part, change) in cases {
            try await withTemporaryFolder { folder in
                let path = try write(account(change), folder)
                let store = try store(["GOOGLE_APPLICATION_CREDENTIALS": path])
                let error = await #expect(throws: ObjectStoreError.self) { try await store.get("k") }
                #expect(error?.kind == .credentials)
                let text = "\(try #require(error))"
                #expect(text.contains(part), "\(text)")
                #expect(!text.contains("hush") && !text.contains("PRIVATE"))
            }
        }
        await expect(.credentials) { try await store(["GOOGLE_APPLICATION_CREDENTIALS": "/none.json"]).get("k") }
    }

    @Test func `a token that is no longer accepted is replaced once, within the call`() async throws {
        let store = try store(["GCE_METADATA_HOST": "127.0.0.1:\(google.port)"])
        _ = try await store.createIfAbsent("a", [1])
        let revoke = ClientRequest(.post, "http://127.0.0.1:\(gcs.port)/__revoke")
        _ = try await StoreEnvironment.sharedClient.send(revoke)
        _ = try await store.createIfAbsent("b", [2])
        #expect(try await store.listAll("").map(\.key) == ["a", "b"])
    }

    @Test func `no metadata server is unreachable, with advice, and a wrong HMAC secret is refused`() async throws {
        let nowhere = try store(["GCE_METADATA_HOST": "127.0.0.1:1"])
        let error = await #expect(throws: ObjectStoreError.self) { try await nowhere.get("k") }
        #expect(error?.kind == .unreachable && error?.advice?.contains("GOOGLE_APPLICATION_CREDENTIALS") == true)
        var settings = StoreSettings(kind: .gcs)
        (settings.bucket, settings.endpoint) = ("bkt", "http://127.0.0.1:\(gcs.port)")
        (settings.accessKeyID, settings.secretAccessKey) = ("testkey", "wrong")
        let wrong = try settings.open(.test())
        await expect(.credentials) { try await wrong.get("k") }
        settings.secretAccessKey = "testsecret"
        settings.bucket = "other"
        let missing = try settings.open(.test())
        await expect(.bucketMissing) { try await missing.get("k") }
    }

    @Test(.enabled(if: RealPeer.gcs.isWanted))
    func `the emulator from PyPI keeps what is put, and its lack of preconditions is noticed`() async throws {
        // It has two of the XML API's methods, PUT and GET, and neither preconditions nor authentication.
        var settings = StoreSettings(kind: .gcs)
        (settings.bucket, settings.endpoint) = ("bkt", "http://127.0.0.1:\(try await RealPeer.gcs.start().port)")
        (settings.accessKeyID, settings.secretAccessKey) = ("any", "any")
        var environment = StoreEnvironment.test()
        environment.clock.sleep = { _ in }
        let store = try settings.open(environment)
        let key = "a folder/\(UUID().uuidString) + ü.ltx"
        try await store.put(key, Array("hello".utf8))
        let object = try await store.get(key, range: ObjectRange(offset: 1, count: 3), ifMatch: nil)
        #expect(object.bytes == Array("ell".utf8) && object.info.size == 5)
        await expect(.notFound) { try await store.get("none") }
        let verdict = try? await StoreProbe(store).run()
        #expect(verdict != .createsOnce)
    }
}
