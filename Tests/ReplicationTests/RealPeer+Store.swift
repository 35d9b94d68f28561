import Foundation
import HTTPClient
import ObjectStore
import StoreTestSupport

extension RealPeer {
    /// Shows `body` a store on this server of S3, moto or rclone, where nothing is yet.
    func withStore(
        bucket: String = "bkt",
        path: String = "restore/\(UUID().uuidString.lowercased())",
        _ body: (any ObjectStore) async throws -> Void
    ) async throws {
        let http = HTTPClient(bundle: CABundle.find(ProcessInfo.processInfo.environment))
        let endpoint = "http://127.0.0.1:\(try await start().port)"
        // rclone has this bucket already, and moto takes anybody's word.
        if self == .moto { _ = try await http.send(ClientRequest(.put, "\(endpoint)/\(bucket)")) }
        var settings = StoreSettings(kind: .s3)
        (settings.bucket, settings.path, settings.endpoint) = (bucket, path, endpoint)
        (settings.accessKeyID, settings.secretAccessKey) = ("testkey", "testsecret")
        let variables = ["AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_CONFIG_FILE": "/nonexistent"]
        try await body(settings.open(StoreEnvironment(variables: variables, http: http)))
    }
}
