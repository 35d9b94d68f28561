internal import FoundationEssentials
internal import HTTPClient

/// Finds AWS credentials where the AWS tools look for them, in their order, with Litestream's variables among them.
///
/// A place that is configured and does not work is an error that names it; the next place is not tried, for it might
/// hold somebody else's rights.
struct AWSCredentialChain: Sendable {
    let environment: StoreEnvironment
    let configured: AWSCredentials?
    let profile: AWSProfile
    let region: @Sendable () -> String

    @Sendable func fetch() async throws(CredentialError) -> AWSCredentials {
        if let configured { return configured }
        if let variables = try fromVariables() { return variables }
        if let web = try await fromWebIdentity() { return web }
        if let shared = try profile.credentials() { return shared }
        if let container = try await fromContainer() { return container }
        if let instance = try await fromInstance() { return instance }
        throw CredentialError(
            .unusable,
            "no credentials for S3 were found",
            advice: "set access-key-id and secret-access-key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
                + " or run with a profile or role that AWS gives out"
        )
    }

    // MARK: Variables

    private func fromVariables() throws(CredentialError) -> AWSCredentials? {
        for prefix in ["AWS_", "LITESTREAM_"] {
            let accessKeyID = environment.variable("\(prefix)ACCESS_KEY_ID")
            let secret = environment.variable("\(prefix)SECRET_ACCESS_KEY")
            switch (accessKeyID, secret) {
            case (nil, nil): continue
            case (let accessKeyID?, let secret?):
                let token = environment.variable("\(prefix)SESSION_TOKEN")
                return AWSCredentials(accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: token)
            default:
                let missing = secret == nil ? "SECRET_ACCESS_KEY" : "ACCESS_KEY_ID"
                throw CredentialError(.unusable, "\(prefix)\(missing) is missing, and its other half is set")
            }
        }
        return nil
    }

    // MARK: Web identity

    /// - SeeAlso: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
    private func fromWebIdentity() async throws(CredentialError) -> AWSCredentials? {
        guard let tokenFile = environment.variable("AWS_WEB_IDENTITY_TOKEN_FILE") else { return nil }
        guard let role = environment.variable("AWS_ROLE_ARN") else {
            throw CredentialError(.unusable, "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not")
        }
        // Read each time: the platform replaces the token long before the role's credentials end.
        guard let token = try environment.text(of: tokenFile)?.trimmed, !token.isEmpty else {
            throw CredentialError(.unusable, "AWS_WEB_IDENTITY_TOKEN_FILE: \(tokenFile) is missing or empty")
        }
        let session = environment.variable("AWS_ROLE_SESSION_NAME") ?? "holdfast"
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", role),
            ("RoleSessionName", session), ("WebIdentityToken", token),
        ].map { "\($0)=\(PercentEncoding.component($1))" }.joined(separator: "&")
        let region = region()
        let service = CredentialService(
            environment: environment,
            name: "STS",
            limits: CredentialService.remoteLimits
        )
        let host = "https://sts.\(region).amazonaws.com" + (region.hasPrefix("cn-") ? ".cn" : "")
        let answer = try await service.send(
            .post,
            (environment.variable("AWS_ENDPOINT_URL_STS") ?? host) + "/",
            headers: [("content-type", "application/x-www-form-urlencoded")],
            body: Array(form.utf8),
            isLocal: false
        )
        let root = try? XMLElement(parsing: answer.body)
        let found = root?.child("AssumeRoleWithWebIdentityResult")?.child("Credentials")
        guard let accessKeyID = found?.text("AccessKeyId"), let secret = found?.text("SecretAccessKey"),
            let sessionToken = found?.text("SessionToken"),
            let expiresAt = found?.text("Expiration").flatMap(StoreTime.init(iso8601:))
        else { throw CredentialError(.unusable, "STS answered with something that is not a credential") }
        return AWSCredentials(
            accessKeyID: accessKeyID,
            secretAccessKey: secret,
            sessionToken: sessionToken,
            expiresAt: expiresAt
        )
    }

    // MARK: Containers

    /// What ECS, App Runner and EKS Pod Identity offer.
    ///
    /// - SeeAlso: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
    private func fromContainer() async throws(CredentialError) -> AWSCredentials? {
        let url: String
        if let relative = environment.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            url = "http://169.254.170.2\(relative)"
        } else if let full = environment.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            guard Self.isTrusted(full) else {
                throw CredentialError(
                    .unusable,
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor this machine nor the platform's address"
                )
            }
            url = full
        } else {
            return nil
        }
        var headers: [(name: String, value: String)] = [("accept", "application/json")]
        if let file = environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            guard let token = try environment.text(of: file)?.trimmed, !token.isEmpty else {
                throw CredentialError(
                    .unusable,
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: \(file) is missing or empty"
                )
            }
            headers.append(("authorization", token))
        } else if let token = environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            headers.append(("authorization", token))
        }
        let service = CredentialService(environment: environment, name: "the container's credential endpoint")
        let answer = try await service.send(.get, url, headers: headers)
        return try service.decode(Document.self, answer).credentials(service.name)
    }

    /// Whether a plain-text answer from there can only come from this machine or its host.
    static func isTrusted(_ url: String) -> Bool {
        if url.hasPrefix("https://") { return true }
        guard url.hasPrefix("http://") else { return false }
        let authority = url.dropFirst(7).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.contains("@") else { return false }
        let host =
            authority.hasPrefix("[")
            ? authority.prefix { $0 != "]" }.dropFirst() : authority.prefix { $0 != ":" }
        return ["127.0.0.1", "localhost", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(host)
    }

    // MARK: Instances

    /// The role of an EC2 instance, by version 2 of the metadata service.
    ///
    /// - SeeAlso: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
    private func fromInstance() async throws(CredentialError) -> AWSCredentials? {
        guard environment.variable("AWS_EC2_METADATA_DISABLED")?.lowercased() != "true" else { return nil }
        let endpoint = environment.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254"
        let base = (endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint) + "/latest"
        var service = CredentialService(environment: environment, name: "the EC2 metadata service")
        let asked: ClientAnswer
        do throws(CredentialError) {
            var first = service
            first.retry.attemptsMax = 1  // where there is no such service this waits for the limit, in vain
            asked = try await first.send(
                .put,
                "\(base)/api/token",
                headers: [("x-aws-ec2-metadata-token-ttl-seconds", "21600")]
            )
        } catch {
            // Nobody there: this is no EC2 instance, and there are no credentials anywhere.
            if error.reason == .unreachable { return nil }
            throw error
        }
        service.retry.attemptsMax = 3
        let token = (name: "x-aws-ec2-metadata-token", value: String(decoding: asked.body, as: UTF8.self))
        let path = "\(base)/meta-data/iam/security-credentials/"
        let roles = try await service.send(.get, path, headers: [token])
        guard let role = String(decoding: roles.body, as: UTF8.self).split(whereSeparator: \.isNewline).first else {
            throw CredentialError(.unusable, "this EC2 instance has no role", advice: "attach an instance profile")
        }
        let answer = try await service.send(.get, path + PercentEncoding.component(String(role)), headers: [token])
        return try service.decode(Document.self, answer).credentials(service.name)
    }

    /// What both kinds of endpoint answer with.
    private struct Document: Decodable {
        let code: String?
        let accessKeyID: String?
        let secretAccessKey: String?
        let token: String?
        let expiration: String?

        enum CodingKeys: String, CodingKey {
            case code = "Code"
            case accessKeyID = "AccessKeyId"
            case secretAccessKey = "SecretAccessKey"
            case token = "Token"
            case expiration = "Expiration"
        }

        func credentials(_ service: String) throws(CredentialError) -> AWSCredentials {
            guard code == nil || code == "Success", let accessKeyID, let secretAccessKey else {
                throw CredentialError(.unusable, "\(service) answered with no credentials: \(code ?? "no code")")
            }
            let expiresAt = expiration.flatMap(StoreTime.init(iso8601:))
            guard expiration == nil || expiresAt != nil else {
                throw CredentialError(.unusable, "\(service) answered with an expiry that is no time")
            }
            return AWSCredentials(
                accessKeyID: accessKeyID,
                secretAccessKey: secretAccessKey,
                sessionToken: token,
                expiresAt: expiresAt
            )
        }
    }
}
