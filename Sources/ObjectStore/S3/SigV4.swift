internal import Crypto
internal import HTTPClient

/// AWS Signature Version 4 with a signed payload, and Google's twin of it.
///
/// Ours because libcurl's is not fit for this: that of 7.88 sends no `x-amz-content-sha256`, so that Ceph, for one,
/// refuses every request it signs.
/// - SeeAlso: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
struct SigV4: Sendable {
    /// The words in which AWS and Google differ.
    struct Dialect: Sendable {
        let algorithm: String
        let keyPrefix: String
        let scopeEnd: String
        let headerPrefix: String

        static let amazon = Dialect(
            algorithm: "AWS4-HMAC-SHA256",
            keyPrefix: "AWS4",
            scopeEnd: "aws4_request",
            headerPrefix: "x-amz-"
        )
        /// - SeeAlso: <https://cloud.google.com/storage/docs/authentication/signatures>
        static let google = Dialect(
            algorithm: "GOOG4-HMAC-SHA256",
            keyPrefix: "GOOG4",
            scopeEnd: "goog4_request",
            headerPrefix: "x-goog-"
        )
    }

    let dialect: Dialect
    let service: String
    let region: String

    /// The request with its date, payload hash, token and signature; every header it already has is signed too.
    ///
    /// So a proxy that drops `If-None-Match` makes the signature wrong instead of the write unconditional.
    func sign(
        _ request: CloudRequest,
        _ credentials: AWSCredentials,
        at time: StoreTime
    ) throws(CryptoError) -> CloudRequest {
        let payloadHash = try Hex.encode(DigestAlgorithm.sha256.digest(request.body))
        var signed = request
        signed.headers.append((dialect.headerPrefix + "content-sha256", payloadHash))
        signed.headers.append((dialect.headerPrefix + "date", time.compact))
        if let token = credentials.sessionToken {
            signed.headers.append((dialect.headerPrefix + "security-token", token))
        }
        let (canonical, names) = canonicalRequest(signed, payloadHash: payloadHash)
        let day = String(time.compact.prefix(8))
        let scope = "\(day)/\(region)/\(service)/\(dialect.scopeEnd)"
        let canonicalHash = try Hex.encode(DigestAlgorithm.sha256.digest(Array(canonical.utf8)))
        let stringToSign = "\(dialect.algorithm)\n\(time.compact)\n\(scope)\n\(canonicalHash)"
        var key = Array("\(dialect.keyPrefix)\(credentials.secretAccessKey)".utf8)
        for part in [day, region, service, dialect.scopeEnd, stringToSign] {
            key = try HMAC.sha256(key: key, Array(part.utf8))
        }
        let value =
            "\(dialect.algorithm) Credential=\(credentials.accessKeyID)/\(scope),"
            + "SignedHeaders=\(names),Signature=\(Hex.encode(key))"
        signed.headers.append(("authorization", value))
        return signed
    }

    private func canonicalRequest(_ request: CloudRequest, payloadHash: String) -> (text: String, names: String) {
        var headers = request.headers.map { (name: $0.name, value: Self.collapseSpaces($0.value)) }
        headers.append(("host", request.host))
        headers.sort { isOrdered($0.name, before: $1.name) }
        let names = headers.map(\.name).joined(separator: ";")
        let lines = headers.map { "\($0.name):\($0.value)\n" }.joined()
        let text =
            "\(request.method.rawValue)\n\(request.path)\n\(request.encodedQuery)\n\(lines)\n\(names)\n\(payloadHash)"
        return (text, names)
    }

    private static func collapseSpaces(_ value: String) -> String {
        value.split(separator: " ").joined(separator: " ")
    }
}

/// Signs with whatever access key the provider has at the moment.
struct SigV4Authorizer: RequestAuthorizer {
    let dialect: SigV4.Dialect
    let service: String
    let region: @Sendable () -> String
    let credentials: CredentialCache<AWSCredentials>

    func authorize(_ request: CloudRequest, at time: StoreTime) async throws(CredentialError) -> CloudRequest {
        let credentials = try await credentials.credential()
        let signer = SigV4(dialect: dialect, service: service, region: region())
        do throws(CryptoError) { return try signer.sign(request, credentials, at: time) } catch {
            throw CredentialError(.unusable, "cannot sign: \(error)")
        }
    }

    func renew() async -> Bool { await credentials.renew() }
}
