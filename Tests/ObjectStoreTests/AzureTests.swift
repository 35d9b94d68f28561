import Foundation
import HTTPClient
import StoreTestSupport
import Testing

@testable import ObjectStore

@Suite struct AzureTests {
    let azure: Peer

    init() async throws { azure = try await SharedPeers.shared.peer("fake_azure.py") }

    func settings() -> StoreSettings {
        var settings = StoreSettings(kind: .azure)
        (settings.accountName, settings.bucket) = ("testaccount", "con")
        settings.endpoint = "http://127.0.0.1:\(azure.port)"
        settings.path = UUID().uuidString
        return settings
    }

    /// - SeeAlso: <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>
    @Test func `the string to sign is that of Azure's own example`() {
        let request = CloudRequest(
            .head,
            key: "",
            .reads,
            .get,
            origin: "https://myaccount.blob.core.windows.net",
            path: "/mycontainer",
            query: [("restype", "container"), ("comp", "metadata"), ("timeout", "20")],
            headers: [("x-ms-version", "2015-02-21"), ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT")]
        )
        let expected =
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
            + "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
        #expect(SharedKeyAuthorizer(account: "myaccount", key: []).stringToSign(request) == expected)
    }

    @Test func `credentials come from the settings, else from Litestream's variables`() async throws {
        let key = try #require(azure.facts["key"])
        let sas = try #require(azure.facts["sas"])
        var withKey = settings()
        withKey.accountKey = key
        _ = try await withKey.open(.test(["LITESTREAM_AZURE_ACCOUNT_KEY": "d3Jvbmc="])).createIfAbsent("k", [1])
        _ = try await settings().open(.test(["LITESTREAM_AZURE_ACCOUNT_KEY": key])).createIfAbsent("k", [1])
        _ = try await settings().open(.test(["LITESTREAM_AZURE_SAS_TOKEN": sas])).createIfAbsent("k", [1])
        var withoutAccount = settings()
        withoutAccount.accountName = nil
        let variables = ["LITESTREAM_AZURE_ACCOUNT_NAME": "testaccount", "LITESTREAM_AZURE_ACCOUNT_KEY": key]
        _ = try await withoutAccount.open(.test(variables)).createIfAbsent("k", [1])
    }

    @Test func `what cannot be used is refused before anything is sent`() {
        func open(_ change: (inout StoreSettings) -> Void) throws {
            var settings = settings()
            change(&settings)
            _ = try settings.open(.test())
        }
        #expect(throws: StoreURLError.self, "no credentials") { try open { _ in } }
        #expect(throws: StoreURLError.self, "no Base64") { try open { $0.accountKey = "not base64!" } }
        #expect(throws: StoreURLError.self, "no sig") { try open { $0.sasToken = "sv=1&se=2" } }
        #expect(throws: StoreURLError.self, "no pairs") { try open { $0.sasToken = "hidden" } }
        #expect(throws: StoreURLError.self, "no account") {
            try open { ($0.accountName, $0.accountKey) = (nil, "AAAA") }
        }
        #expect(throws: StoreURLError.self, "a host") {
            try open { ($0.accountName, $0.accountKey) = ("a.b/c", "AAAA") }
        }
    }

    @Test func `why Azure refuses is told apart`() async throws {
        var wrongKey = settings()
        wrongKey.accountKey = "d3Jvbmc="
        await expect(.credentials) { try await wrongKey.open(.test()).get("k") }
        await expect(.credentials) { try await wrongKey.open(.test()).head("k") }
        var expired = settings()
        expired.sasToken = azure.facts["sas_expired"]
        await expect(.credentials) { try await expired.open(.test()).list(ListRequest(prefix: "")) }
        var readOnly = settings()
        readOnly.sasToken = azure.facts["sas_read_only"]
        let reader = try readOnly.open(.test())
        await expect(.accessDenied) { try await reader.createIfAbsent("k", [1]) }
        await expect(.notFound) { try await reader.get("k") }
        var elsewhere = settings()
        (elsewhere.accountKey, elsewhere.bucket) = (azure.facts["key"], "other")
        let missing = try elsewhere.open(.test())
        await expect(.bucketMissing) { try await missing.get("k") }
        await expect(.bucketMissing) { try await missing.createIfAbsent("k", [1]) }
        await expect(.bucketMissing) { try await missing.list(ListRequest(prefix: "")) }
    }

    @Test(arguments: [
        ("reset-before", ObjectStoreError.Kind.ambiguous, false), ("reset-after", .ambiguous, true),
        ("answer|500|x-ms-error-code=OperationTimedOut|", .ambiguous, false),
        ("answer|503|x-ms-error-code=ServerBusy|", .ambiguous, false),
        ("answer|412|x-ms-error-code=LeaseIdMissing|", .exists, false),
        ("answer|409|x-ms-error-code=AccountBeingCreated|", .rejected, false),
        ("answer|429||", nil, true), ("pass", nil, true),
    ])
    func `a create whose answer is lost is never called a success or a failure`(
        fault: String,
        kind: ObjectStoreError.Kind?,
        isApplied: Bool
    ) async throws {
        let proxy = try await Peer.start("faultproxy.py", String(azure.port))
        var settings = settings()
        settings.accountKey = azure.facts["key"]
        let direct = try settings.open(.test())
        settings.endpoint = "http://127.0.0.1:\(proxy.port)"
        var environment = StoreEnvironment.test()
        environment.clock.sleep = { _ in }
        let store = try settings.open(environment)
        let url = "http://127.0.0.1:\(proxy.port)/__faults"
        let body = try JSONEncoder().encode([fault])
        _ = try await StoreEnvironment.sharedClient.send(ClientRequest(.post, url, body: Array(body)))
        if let kind {
            await expect(kind) { try await store.createIfAbsent("k", [1]) }
        } else {
            _ = try await store.createIfAbsent("k", [1])
        }
        let isThere = try await !direct.listAll("k").isEmpty
        #expect(isThere == isApplied)
    }
}
