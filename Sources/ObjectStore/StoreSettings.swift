/// Where a replica is and what proves the right to it: a URL, the keys of a configuration file, or both.
package struct StoreSettings: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    package enum Kind: String, Sendable, CaseIterable { case file, s3, gcs, azure }

    package var kind: Kind
    /// The bucket or container; empty for `file`.
    package var bucket = ""
    /// Put before every key; for `file` the absolute path of the folder.
    package var path = ""
    /// `http(s)://host[:port]` of a service that is not the cloud's own.
    package var endpoint: String?
    /// S3's; nil to take the environment's, or to learn it from the service.
    package var region: String?
    /// Whether the bucket's name is in the path; nil for what the endpoint usually wants.
    package var forcePathStyle: Bool?
    /// Takes any certificate; for test servers.
    package var skipVerify = false
    /// Of S3, or an HMAC key of GCS.
    package var accessKeyID: String?
    package var secretAccessKey: String?
    package var sessionToken: String?
    /// Azure's.
    package var accountName: String?
    package var accountKey: String?
    package var sasToken: String?
    /// GCS: the path of a service account's JSON key; nil for the application default credentials.
    package var credentialsFile: String?
    /// Larger bodies are uploaded in parts of this size, each of them held in memory.
    package var partBytes = partBytesDefault

    /// Ten thousand of them, the most that S3 takes, are 160 GB.
    package static let partBytesDefault = 16 << 20
    /// S3 wants no part but the last smaller.
    package static let partBytesMin = 5 << 20
    package static let partBytesMax = 512 << 20

    package init(kind: Kind) { self.kind = kind }

    /// Whether keys have anything before them; slashes alone are nothing.
    package var hasPath: Bool { path.contains { $0 != "/" } }

    /// The URL without anything secret: for messages.
    package var description: String {
        switch kind {
        case .file: "file://\(path)"
        case .s3: "s3://\(bucket)\(path.isEmpty ? "" : "/\(path)")" + (endpoint.map { " at \($0)" } ?? "")
        case .gcs: "gs://\(bucket)\(path.isEmpty ? "" : "/\(path)")"
        case .azure: "abs://\(accountName ?? "")@\(bucket)\(path.isEmpty ? "" : "/\(path)")"
        }
    }

    package var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}

// MARK: URLs

extension StoreSettings {
    /// Reads `file:///path`, `s3://bucket/path`, `s3://bucket.host:port/path`, `gs://` or `gcs://bucket/path`, and
    /// `abs://account@container/path`, with `?endpoint=`, `region`, `forcePathStyle` and `skipVerify` behind it.
    package init(url: String) throws(StoreURLError) {
        guard let schemeEnd = url.utf8Range(of: "://") else {
            throw StoreURLError("not a replica URL: it must begin with file://, s3://, gs://, gcs:// or abs://")
        }
        let scheme = url[..<schemeEnd.lowerBound].lowercased()
        guard let kind = Self.kind(named: scheme), scheme != "azure" else {
            throw StoreURLError("\(scheme):// is no kind of replica: use file://, s3://, gs://, gcs:// or abs://")
        }
        self.init(kind: kind)
        var rest = url[schemeEnd.upperBound...]
        guard !rest.contains("#") else { throw StoreURLError("a replica URL has no #; write it as %23") }
        if let question = rest.firstIndex(of: "?") {
            try apply(query: rest[rest.index(after: question)...])
            rest = rest[..<question]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let decoded = PercentEncoding.decode(rest[slash...]) else {
            throw StoreURLError("the path has a % that is not followed by two hexadecimal digits of UTF-8")
        }
        path = decoded
        try apply(authority: String(rest[..<slash]))
    }

    /// The kind for a `type:` of a configuration file, or a URL's scheme.
    package static func kind(named name: String) -> Kind? {
        ["file": .file, "s3": .s3, "gs": .gcs, "gcs": .gcs, "abs": .azure, "azure": .azure][name]
    }

    private mutating func apply(authority: String) throws(StoreURLError) {
        guard kind != .file else {
            guard authority.isEmpty, path.hasPrefix("/") else {
                throw StoreURLError("a file URL is file:///absolute/path, with three slashes")
            }
            return
        }
        path = path.split(separator: "/").joined(separator: "/")
        var host = authority
        if let at = authority.lastIndex(of: "@") {
            let user = String(authority[..<at])
            host = String(authority[authority.index(after: at)...])
            guard kind == .azure, !user.contains(":") else {
                throw StoreURLError("credentials do not belong into a URL; set them by their own keys or variables")
            }
            accountName = user
        }
        guard !host.isEmpty else { throw StoreURLError("the URL names no \(kind == .azure ? "container" : "bucket")") }
        guard kind == .s3 else {
            bucket = host
            return try checkBucket()
        }
        let place = try Self.s3Place(host)
        bucket = place.bucket
        endpoint = endpoint ?? place.endpoint
        region = region ?? place.region
        try checkBucket()
    }

    /// A bucket's name goes into host names and signatures as it is.
    func checkBucket() throws(StoreURLError) {
        let isPlain = bucket.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: kind == .azure && $0 == UInt8(ascii: "$")
            }
        }
        guard isPlain, (1...255).contains(bucket.utf8.count), !bucket.hasPrefix("."), !bucket.contains("..") else {
            let what = kind == .azure ? "container" : "bucket"
            throw StoreURLError("\"\(bucket)\" is no \(what) name: letters, digits, '-', '.' and '_' are what it has")
        }
    }

    private mutating func apply(query: Substring) throws(StoreURLError) {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard let value = PercentEncoding.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true) else {
                throw StoreURLError("the value of \(name) has a % that is not followed by two hexadecimal digits")
            }
            switch name {
            case "endpoint": endpoint = value
            case "region": region = value
            case "forcePathStyle", "force-path-style": forcePathStyle = try Self.flag(name, value)
            case "skipVerify", "skip-verify": skipVerify = try Self.flag(name, value) ?? false
            default:
                throw StoreURLError(
                    "\(name) is no setting of a URL: it can have endpoint, region, "
                        + "forcePathStyle and skipVerify"
                )
            }
        }
    }

    private static func flag(_ name: String, _ value: String) throws(StoreURLError) -> Bool? {
        guard let flag = ["": nil, "true": true, "1": true, "false": false, "0": false][value] else {
            throw StoreURLError("\(name) must be true or false")
        }
        return flag
    }
}

// MARK: S3 hosts

extension StoreSettings {
    struct S3Place: Equatable {
        var bucket: String
        var endpoint: String?
        var region: String?
    }

    /// Services whose bucket URLs have the bucket and the region in the host name: what stands before and behind the
    /// region, or the whole name of a service with one region.
    private static let services: [(before: String, after: String)] = [
        ("s3.", ".backblazeb2.com"), ("", ".digitaloceanspaces.com"), ("s3.", ".scw.cloud"), ("", ".linodeobjects.com"),
    ]

    /// Takes the host of an `s3://` URL apart.
    ///
    /// A name with a port is `bucket.host:port`; without one a dotted name is a bucket, because buckets may have dots,
    /// unless it is that of a service which is known.
    static func s3Place(_ host: String) throws(StoreURLError) -> S3Place {
        let pieces = host.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if let colon = host.lastIndex(of: ":") {
            guard pieces.count > 1, let port = UInt16(host[host.index(after: colon)...]), port > 0 else {
                throw StoreURLError("\(host) is no bucket.host:port; for a bucket alone leave the port out")
            }
            let scheme = port == 443 || port == 8443 ? "https" : "http"
            return S3Place(
                bucket: pieces[0],
                endpoint: "\(scheme)://\(host.dropFirst(pieces[0].utf8.count + 1))",
                region: nil
            )
        }
        if pieces.count > 1, pieces.last == "localhost" {
            return S3Place(bucket: pieces.dropLast().joined(separator: "."), endpoint: "http://localhost")
        }
        if let bucket = host.dropping(suffix: ".s3.filebase.com") {
            return S3Place(bucket: bucket, endpoint: "https://s3.filebase.com", region: "us-east-1")
        }
        if let bucket = host.dropping(suffix: ".s3.amazonaws.com") { return S3Place(bucket: bucket) }
        for service in services {
            guard let rest = host.dropping(suffix: service.after), let dot = rest.lastIndex(of: ".") else { continue }
            let region = String(rest[rest.index(after: dot)...])
            guard let bucket = String(rest[...dot]).dropping(suffix: "." + service.before), !region.isEmpty else {
                continue
            }
            return S3Place(
                bucket: bucket,
                endpoint: "https://\(service.before)\(region)\(service.after)",
                region: region
            )
        }
        if let rest = host.dropping(suffix: ".amazonaws.com"), let dot = rest.lastIndex(of: "."),
            let bucket = String(rest[...dot]).dropping(suffix: ".s3.")
        {
            return S3Place(bucket: bucket, region: String(rest[rest.index(after: dot)...]))
        }
        return S3Place(bucket: host)
    }
}

extension String {
    fileprivate func dropping(suffix: String) -> String? {
        hasSuffix(suffix) && utf8.count > suffix.utf8.count ? String(dropLast(suffix.count)) : nil
    }

    fileprivate func utf8Range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
