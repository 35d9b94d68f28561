import Foundation
import HTTPClient
import StoreTestSupport
import Testing

@testable import ObjectStore

/// The stores that the contract is for.
enum StoreUnderTest: String, CaseIterable, CustomTestStringConvertible {
    case file
    case moto
    /// Ceph: checks signatures, and honours conditions.
    case radosgw
    /// Keeps its objects as files, and takes conditions without heeding them.
    case rclone
    /// Our fake of Google's API, with tokens of our fake of Google's metadata server.
    case gcsToken
    /// The same, with an HMAC key.
    case gcsHMAC
    /// Our fake of Azure, with the account's key.
    case azureKey
    /// The same, with a shared access signature.
    case azureSAS

    /// Those that can run on this machine.
    static var wanted: [StoreUnderTest] { allCases.filter { $0.peer?.isWanted ?? true } }

    /// Those that can be asked to create a key once.
    static var creatingOnce: [StoreUnderTest] { wanted.filter { $0 != .rclone } }

    var testDescription: String { rawValue }

    private var peer: RealPeer? { RealPeer(rawValue: rawValue) }

    /// Whether keys are names without structure, as opposed to paths.
    var isFlat: Bool { self != .file && self != .rclone }

    /// Whether the server behind the store is known to keep this key as it is.
    func allows(_ key: String) -> Bool { true }

    /// Runs `body` with an empty store.
    func withStore(_ body: (any ObjectStore) async throws -> Void) async throws {
        try await withStores(["p"]) { try await body($0[0]) }
    }

    /// Runs `body` with empty stores at these prefixes of one new place.
    func withStores(_ prefixes: [String], _ body: ([any ObjectStore]) async throws -> Void) async throws {
        var settings = StoreSettings(kind: .s3)
        var variables: [String: String] = [:]
        settings.partBytes = StoreSettings.partBytesMin
        let unique = UUID().uuidString.lowercased()
        switch self {
        case .file:
            return try await withTemporaryFolder { folder in
                try await body(prefixes.map { FileStore(root: "\(folder)/\($0)") })
            }
        case .moto, .radosgw, .rclone:
            settings.bucket = "test-\(unique)"
            settings.endpoint = "http://127.0.0.1:\(try await #require(peer).start().port)"
            (settings.accessKeyID, settings.secretAccessKey) = ("testkey", "testsecret")
            try await createBucket(settings)
        case .gcsToken, .gcsHMAC:
            settings.kind = .gcs
            settings.bucket = "bkt"
            settings.endpoint = "http://127.0.0.1:\(try await SharedPeers.shared.peer("fake_gcs.py").port)"
            if self == .gcsHMAC {
                (settings.accessKeyID, settings.secretAccessKey) = ("testkey", "testsecret")
            } else {
                variables["GCE_METADATA_HOST"] = "127.0.0.1:\(try await SharedPeers.shared.peer("credentials.py").port)"
            }
        case .azureKey, .azureSAS:
            let azure = try await SharedPeers.shared.peer("fake_azure.py")
            settings.kind = .azure
            (settings.accountName, settings.bucket) = ("testaccount", "con")
            settings.endpoint = "http://127.0.0.1:\(azure.port)"
            if self == .azureKey {
                settings.accountKey = azure.facts["key"]
            } else {
                settings.sasToken = azure.facts["sas"]
            }
        }
        let stores = try prefixes.map { prefix in
            var settings = settings
            settings.path = "\(unique)/\(prefix)"
            return try settings.open(.test(variables))
        }
        try await body(stores)
    }
}

extension StoreEnvironment {
    static let sharedClient = HTTPClient(bundle: CABundle.find(ProcessInfo.processInfo.environment))

    /// Nothing of the machine's own environment, so that no real credentials are ever used.
    static func test(_ variables: [String: String] = [:]) -> StoreEnvironment {
        var variables = variables
        variables["AWS_SHARED_CREDENTIALS_FILE"] = variables["AWS_SHARED_CREDENTIALS_FILE"] ?? "/nonexistent"
        variables["AWS_CONFIG_FILE"] = variables["AWS_CONFIG_FILE"] ?? "/nonexistent"
        return StoreEnvironment(variables: variables, http: sharedClient)
    }
}

/// Creates the bucket of these settings: the one thing that a store never does.
func createBucket(_ settings: StoreSettings) async throws {
    let key = AWSCredentials(
        accessKeyID: try #require(settings.accessKeyID),
        secretAccessKey: try #require(settings.secretAccessKey)
    )
    let signer = SigV4(dialect: .amazon, service: "s3", region: "us-east-1")
    let request = CloudRequest(
        .put,
        key: "",
        .repeatable,
        .put,
        origin: try #require(settings.endpoint),
        path: "/\(settings.bucket)"
    )
    let signed = try signer.sign(request, key, at: StoreClock.system.now())
    let answer = try await StoreEnvironment.sharedClient.send(
        ClientRequest(.put, signed.url, headers: signed.headers)
    )
    guard answer.status == 200 else {
        throw PeerError(message: "no bucket: \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
    }
}

/// Expects `body` to fail with this kind of error.
func expect<Value>(
    _ kind: ObjectStoreError.Kind,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Value
) async {
    do {
        _ = try await body()
        Issue.record("succeeded, where \(kind) was expected", sourceLocation: sourceLocation)
    } catch {
        let found = (error as? ObjectStoreError)?.kind
        #expect(found == kind, "\(error)", sourceLocation: sourceLocation)
    }
}
