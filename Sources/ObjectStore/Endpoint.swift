/// A service's address, as an operator writes it: `http(s)://host[:port][/path]`.
struct Endpoint: Sendable, Equatable {
    let scheme: String
    /// With the port, unless it is the scheme's own: as the `Host` header has it, which is signed.
    let host: String
    /// Empty, or beginning with a slash and not ending in one.
    let path: String

    init(_ text: String) throws(StoreURLError) {
        let rest: Substring
        if text.hasPrefix("http://") {
            (scheme, rest) = ("http", text.dropFirst(7))
        } else if text.hasPrefix("https://") {
            (scheme, rest) = ("https", text.dropFirst(8))
        } else if !text.contains("://") {
            (scheme, rest) = ("https", text[...])
        } else {
            throw StoreURLError("the endpoint must begin with http:// or https://")
        }
        guard !rest.contains("@") else {
            throw StoreURLError("the endpoint must not hold credentials; set them by their own keys")
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let (host, path) = (rest[..<slash], rest[slash...])
        guard !host.isEmpty, rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !rest.contains(where: "?#".contains)
        else { throw StoreURLError("the endpoint \(text) must be a scheme, a host and perhaps a port and a path") }
        let isDefaultPort = host.hasSuffix(scheme == "http" ? ":80" : ":443")
        self.host = String(isDefaultPort ? host[..<(host.lastIndex(of: ":") ?? host.endIndex)] : host)
        self.path = String(path.hasSuffix("/") ? path.dropLast() : path)
    }

    var origin: String { "\(scheme)://\(host)" }
}
