internal import Crypto
internal import HTTPClient

/// Signs with an account's key.
///
/// - SeeAlso: <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>
struct SharedKeyAuthorizer: RequestAuthorizer {
    let account: String
    let key: [UInt8]

    func authorize(_ request: CloudRequest, at time: StoreTime) async throws(CredentialError) -> CloudRequest {
        var signed = AzureAPI.dated(request, time)
        do throws(CryptoError) {
            let signature = try HMAC.sha256(key: key, Array(stringToSign(signed).utf8))
            signed.headers.append(("authorization", "SharedKey \(account):\(Base64.encode(signature))"))
        } catch {
            throw CredentialError(.unusable, "cannot sign: \(error)")
        }
        return signed
    }

    func renew() async -> Bool { false }

    func stringToSign(_ request: CloudRequest) -> String {
        func header(_ name: String) -> String { request.headers.first { $0.name == name }?.value ?? "" }
        let length = request.body.isEmpty ? "" : String(request.body.count)
        let plain = [
            request.method.rawValue, header("content-encoding"), header("content-language"), length,
            header("content-md5"), header("content-type"), header("date"), header("if-modified-since"),
            header("if-match"), header("if-none-match"), header("if-unmodified-since"), header("range"),
        ]
        let own = request.headers.filter { $0.name.hasPrefix("x-ms-") }.sorted { isOrdered($0.name, before: $1.name) }
            .map { "\($0.name):\($0.value)" }
        let query = request.query.map { (name: $0.name.lowercased(), value: $0.value) }
            .sorted { isOrdered($0.name, before: $1.name) }.map { "\($0.name):\($0.value)" }
        return (plain + own + ["/\(account)\(request.path)"] + query).joined(separator: "\n")
    }
}

/// Adds a shared access signature, which somebody with the key has computed.
///
/// - SeeAlso: <https://learn.microsoft.com/rest/api/storageservices/create-service-sas>
struct SASAuthorizer: RequestAuthorizer {
    private let query: [(name: String, value: String)]

    init(_ token: String) throws(StoreURLError) {
        var query: [(name: String, value: String)] = []
        for pair in (token.hasPrefix("?") ? token.dropFirst() : token[...]).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let value = PercentEncoding.decode(parts[1]) else {
                throw StoreURLError("the sas-token is not a list of name=value pairs")
            }
            query.append((String(parts[0]), value))
        }
        guard query.contains(where: { $0.name == "sig" }) else { throw StoreURLError("the sas-token has no sig=") }
        self.query = query
    }

    func authorize(_ request: CloudRequest, at time: StoreTime) async throws(CredentialError) -> CloudRequest {
        var signed = AzureAPI.dated(request, time)
        signed.query += query
        return signed
    }

    func renew() async -> Bool { false }
}

enum AzureAPI {
    /// The newest version whose answers this code was written against.
    static let version = "2021-12-02"

    static func dated(_ request: CloudRequest, _ time: StoreTime) -> CloudRequest {
        var dated = request
        dated.headers += [("x-ms-date", time.httpDate), ("x-ms-version", version)]
        return dated
    }
}
