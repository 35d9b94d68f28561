internal import Crypto
internal import Files
package import HTTPClient

/// What stores take from the process they run in.
package struct StoreEnvironment: Sendable {
    package var variables: [String: String]
    package var http: HTTPClient
    package var clock = StoreClock.system
    package var retry = RetryPolicy()
    package var limits = TransferLimits()

    package init(variables: [String: String], http: HTTPClient) {
        (self.variables, self.http) = (variables, http)
    }

    /// The first of these variables that is set to something.
    func variable(_ names: String...) -> String? {
        names.lazy.compactMap { variables[$0] }.first { !$0.isEmpty }
    }

    /// The text of a small file, or nil when there is none.
    func text(of path: String) throws(CredentialError) -> String? {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try File(reading: path).read(at: 0, count: Self.fileBytesMax + 1)
        } catch {
            guard error.isMissing else { throw CredentialError(.unusable, "\(error)") }
            return nil
        }
        guard bytes.count <= Self.fileBytesMax else { throw CredentialError(.unusable, "\(path) is too long") }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let fileBytesMax = 1 << 20
}

extension StoreSettings {
    /// Opens the store; nothing is sent yet.
    package func open(_ environment: StoreEnvironment) throws(StoreURLError) -> any ObjectStore {
        switch kind {
        case .file:
            guard path.hasPrefix("/") else {
                throw StoreURLError("the path \"\(path)\" of a file replica is not absolute")
            }
            return FileStore(root: path, clock: environment.clock)
        case .s3: return try openS3(environment)
        case .gcs: return try openGCS(environment)
        case .azure: return try openAzure(environment)
        }
    }

    private func openS3(_ environment: StoreEnvironment) throws(StoreURLError) -> S3Store {
        try check()
        var settings = self
        settings.endpoint = endpoint ?? environment.variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        let profile = AWSProfile(environment)
        let region = region ?? environment.variable("AWS_REGION", "AWS_DEFAULT_REGION") ?? profile.region
        let site = try S3Site(settings, region: region)
        let chain = AWSCredentialChain(
            environment: environment,
            configured: configuredKey,
            profile: profile,
            region: { site.region }
        )
        let authorizer = SigV4Authorizer(
            dialect: .amazon,
            service: "s3",
            region: { site.region },
            credentials: CredentialCache(clock: environment.clock, fetch: chain.fetch)
        )
        return S3Store(
            name: settings.description,
            settings: settings,
            site: site,
            dialect: .amazon,
            client: client(environment, settings.description, authorizer)
        )
    }

    /// Google's XML API: S3's requests with other words for a condition and for the signature.
    ///
    /// The JSON API has no HMAC keys, and would be a second way to do everything.
    private func openGCS(_ environment: StoreEnvironment) throws(StoreURLError) -> S3Store {
        try check()
        var settings = self
        settings.endpoint = endpoint ?? "https://storage.googleapis.com"
        let site = try S3Site(settings, region: "auto")
        let authorizer: any RequestAuthorizer
        if let configuredKey {
            authorizer = SigV4Authorizer(
                dialect: .google,
                service: "storage",
                region: { site.region },
                credentials: CredentialCache(clock: environment.clock) { configuredKey }
            )
        } else {
            let source = GoogleTokenSource(environment: environment, credentialsFile: credentialsFile)
            authorizer = BearerAuthorizer(tokens: CredentialCache(clock: environment.clock, fetch: source.fetch))
        }
        return S3Store(
            name: description,
            settings: settings,
            site: site,
            dialect: .google,
            client: client(environment, description, authorizer)
        )
    }

    private func openAzure(_ environment: StoreEnvironment) throws(StoreURLError) -> AzureStore {
        try check()
        var settings = self
        settings.accountName = accountName ?? environment.variable("LITESTREAM_AZURE_ACCOUNT_NAME")
        guard let account = settings.accountName, !account.isEmpty,
            account.utf8.allSatisfy({ UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || 0x30...0x39 ~= $0 })
        else {
            throw StoreURLError("name the storage account: account-name, or abs://account@container/path")
        }
        let authorizer: any RequestAuthorizer
        if let token = sasToken {
            authorizer = try SASAuthorizer(token)
        } else if let key = accountKey ?? environment.variable("LITESTREAM_AZURE_ACCOUNT_KEY") {
            guard let bytes = Base64.decode(key.trimmed), !bytes.isEmpty else {
                throw StoreURLError("the account-key is not Base64, as Azure shows it; was it cut?")
            }
            authorizer = SharedKeyAuthorizer(account: account, key: bytes)
        } else if let token = environment.variable("LITESTREAM_AZURE_SAS_TOKEN") {
            authorizer = try SASAuthorizer(token)
        } else {
            throw StoreURLError(
                "no credentials for Azure: set account-key or sas-token, or LITESTREAM_AZURE_ACCOUNT_KEY or _SAS_TOKEN"
            )
        }
        let endpoint = try Endpoint(endpoint ?? "https://\(account).blob.core.windows.net")
        return AzureStore(
            name: settings.description,
            settings: settings,
            endpoint: endpoint,
            client: client(environment, settings.description, authorizer)
        )
    }

    private var configuredKey: AWSCredentials? {
        guard let accessKeyID, let secretAccessKey else { return nil }
        return AWSCredentials(
            accessKeyID: accessKeyID,
            secretAccessKey: secretAccessKey,
            sessionToken: sessionToken
        )
    }

    private func client(
        _ environment: StoreEnvironment,
        _ name: String,
        _ authorizer: any RequestAuthorizer
    ) -> CloudClient {
        CloudClient(
            http: environment.http,
            storeName: name,
            authorizer: authorizer,
            retry: environment.retry,
            clock: environment.clock,
            limits: environment.limits,
            verifiesTLS: !skipVerify
        )
    }

    /// What no store can work with, whoever set it.
    private func check() throws(StoreURLError) {
        try checkBucket()
        guard (accessKeyID == nil) == (secretAccessKey == nil) else {
            throw StoreURLError("access-key-id and secret-access-key are only good together; one of them is missing")
        }
        guard (Self.partBytesMin...Self.partBytesMax).contains(partBytes) else {
            let (least, most) = (Self.partBytesMin >> 20, Self.partBytesMax >> 20)
            throw StoreURLError("a part-size of \(partBytes) bytes is outside of \(least) to \(most) MiB")
        }
    }
}
