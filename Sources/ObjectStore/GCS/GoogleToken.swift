internal import Crypto
internal import FoundationEssentials
internal import HTTPClient

/// An OAuth access token.
struct GoogleToken: ExpiringCredential, Equatable {
    let value: String
    let expiresAt: StoreTime?
}

/// Sends an access token with every request.
struct BearerAuthorizer: RequestAuthorizer {
    let tokens: CredentialCache<GoogleToken>

    func authorize(_ request: CloudRequest, at time: StoreTime) async throws(CredentialError) -> CloudRequest {
        var authorized = request
        authorized.headers.append(("authorization", "Bearer \(try await tokens.credential().value)"))
        return authorized
    }

    func renew() async -> Bool { await tokens.renew() }
}

/// Google's application default credentials: a key file that is named, the one `gcloud` leaves, or the service
/// account of the machine.
///
/// - SeeAlso: <https://cloud.google.com/docs/authentication/application-default-credentials>
struct GoogleTokenSource: Sendable {
    let environment: StoreEnvironment
    /// A file that the configuration names.
    let credentialsFile: String?

    private static let scope = "https://www.googleapis.com/auth/devstorage.read_write"
    private static let defaultTokenURL = "https://oauth2.googleapis.com/token"

    @Sendable func fetch() async throws(CredentialError) -> GoogleToken {
        if let named = credentialsFile ?? environment.variable("GOOGLE_APPLICATION_CREDENTIALS") {
            guard let text = try environment.text(of: named) else {
                throw CredentialError(.unusable, "the credentials file \(named) does not exist")
            }
            return try await token(file: named, text)
        }
        if let home = environment.variable("HOME") {
            let folder = environment.variable("CLOUDSDK_CONFIG") ?? "\(home)/.config/gcloud"
            let usual = "\(folder)/application_default_credentials.json"
            if let text = try environment.text(of: usual) { return try await token(file: usual, text) }
        }
        return try await fromMetadata()
    }

    // MARK: Files

    private struct File: Decodable {
        let type: String
        let tokenURL: String?
        let clientEmail: String?
        let privateKeyID: String?
        let privateKey: String?
        let clientID: String?
        let clientSecret: String?
        let refreshToken: String?

        enum CodingKeys: String, CodingKey {
            case type
            case tokenURL = "token_uri"
            case clientEmail = "client_email"
            case privateKeyID = "private_key_id"
            case privateKey = "private_key"
            case clientID = "client_id"
            case clientSecret = "client_secret"
            case refreshToken = "refresh_token"
        }
    }

    private func token(file path: String, _ text: String) async throws(CredentialError) -> GoogleToken {
        let file: File
        do { file = try JSONDecoder().decode(File.self, from: Data(text.utf8)) } catch {
            throw CredentialError(.unusable, "\(path) is no JSON with a \"type\", as Google's key files are")
        }
        let form: [(String, String)]
        switch file.type {
        case "service_account":
            let assertion = try assertion(file, path)
            form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)]
        case "authorized_user":
            guard let id = file.clientID, let secret = file.clientSecret, let refresh = file.refreshToken else {
                throw CredentialError(.unusable, "\(path) lacks client_id, client_secret or refresh_token")
            }
            form = [
                ("grant_type", "refresh_token"), ("client_id", id), ("client_secret", secret),
                ("refresh_token", refresh),
            ]
        default:
            throw CredentialError(
                .unusable,
                "\(path) is of type \(file.type), which is not supported",
                advice: "use a service account's key, or the service account of the machine"
            )
        }
        let service = CredentialService(
            environment: environment,
            name: "Google's token endpoint",
            limits: CredentialService.remoteLimits
        )
        let answer = try await service.send(
            .post,
            file.tokenURL ?? Self.defaultTokenURL,
            headers: [("content-type", "application/x-www-form-urlencoded")],
            body: Array(form.map { "\($0)=\(PercentEncoding.component($1))" }.joined(separator: "&").utf8),
            isLocal: false
        )
        return try token(service, answer)
    }

    private struct Header: Encodable {
        let alg = "RS256"
        let typ = "JWT"
        let kid: String?
    }

    private struct Claims: Encodable {
        let iss: String
        let scope: String
        let aud: String
        let iat: Int64
        let exp: Int64
    }

    /// A statement of who asks, signed with the account's key.
    ///
    /// - SeeAlso: <https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests>
    private func assertion(_ file: File, _ path: String) throws(CredentialError) -> String {
        guard let email = file.clientEmail, let key = file.privateKey else {
            throw CredentialError(.unusable, "\(path) lacks client_email or private_key")
        }
        let now = environment.clock.now().unixMilliseconds / 1000
        let audience = file.tokenURL ?? Self.defaultTokenURL
        let claims = Claims(iss: email, scope: Self.scope, aud: audience, iat: now, exp: now + 3600)
        do {
            let parts = try [JSONEncoder().encode(Header(kid: file.privateKeyID)), JSONEncoder().encode(claims)]
            let unsigned = parts.map { Base64.encodeURL(Array($0)) }.joined(separator: ".")
            let signature = try RSASigner(pem: key).signSHA256(Array(unsigned.utf8))
            return "\(unsigned).\(Base64.encodeURL(signature))"
        } catch {
            throw CredentialError(.unusable, "the private_key in \(path) cannot be used: \(error)")
        }
    }

    // MARK: The machine

    private func fromMetadata() async throws(CredentialError) -> GoogleToken {
        let host = environment.variable("GCE_METADATA_HOST") ?? "metadata.google.internal"
        let service = CredentialService(environment: environment, name: "Google's metadata server")
        let url = "http://\(host)/computeMetadata/v1/instance/service-accounts/default/token"
        do throws(CredentialError) {
            let answer = try await service.send(.get, url, headers: [("metadata-flavor", "Google")])
            return try token(service, answer)
        } catch {
            let advice =
                "set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file, or run with a service account"
            throw CredentialError(error.reason, error.message, advice: advice)
        }
    }

    private struct Document: Decodable {
        let token: String
        let lifetimeSeconds: Int64

        enum CodingKeys: String, CodingKey {
            case token = "access_token"
            case lifetimeSeconds = "expires_in"
        }
    }

    private func token(_ service: CredentialService, _ answer: ClientAnswer) throws(CredentialError) -> GoogleToken {
        let document = try service.decode(Document.self, answer)
        guard (0...86400).contains(document.lifetimeSeconds) else {
            throw CredentialError(.unusable, "\(service.name) gave a token for \(document.lifetimeSeconds) seconds")
        }
        let expiresAt = environment.clock.now() + .seconds(document.lifetimeSeconds)
        return GoogleToken(value: document.token, expiresAt: expiresAt)
    }
}
