internal import Synchronization

/// The addresses of a bucket; learns the region when nobody has named it.
final class S3Site: Sendable {
    private let bucket: String
    private let endpoint: Endpoint?
    private let isPathStyle: Bool
    private let state: Mutex<Region>

    private struct Region {
        var name: String
        /// Named by the operator: what the service says is then a contradiction, not news.
        let isFixed: Bool
    }

    init(_ settings: StoreSettings, region: String?) throws(StoreURLError) {
        bucket = settings.bucket
        endpoint = try settings.endpoint.map { (text) throws(StoreURLError) in try Endpoint(text) }
        guard endpoint?.path.isEmpty ?? true else { throw StoreURLError("an S3 endpoint has no path") }
        // A dot in the name makes another level of host name, for which no wildcard certificate is good.
        isPathStyle = settings.forcePathStyle ?? (settings.endpoint != nil || settings.bucket.contains("."))
        state = Mutex(Region(name: region ?? "us-east-1", isFixed: region != nil))
    }

    var region: String { state.withLock { $0.name } }

    /// Takes over the region that the service names; false when that cannot be the remedy.
    func adopt(_ region: String) -> Bool {
        state.withLock { state in
            guard !state.isFixed, state.name != region else { return false }
            state.name = region
            return true
        }
    }

    var origin: String {
        let (scheme, host) = endpoint.map { ($0.scheme, $0.host) } ?? ("https", Self.amazonHost(region))
        return isPathStyle ? "\(scheme)://\(host)" : "\(scheme)://\(bucket).\(host)"
    }

    /// The path of a full key, or of the bucket itself.
    func path(_ fullKey: String = "") -> String {
        let key = PercentEncoding.path(fullKey)
        return isPathStyle ? "/\(PercentEncoding.component(bucket))\(key.isEmpty ? "" : "/\(key)")" : "/\(key)"
    }

    private static func amazonHost(_ region: String) -> String {
        "s3.\(region).amazonaws.com" + (region.hasPrefix("cn-") ? ".cn" : "")
    }
}
