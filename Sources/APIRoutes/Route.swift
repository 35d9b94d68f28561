import HTTP
import Logging

/// A request that found its route.
struct RoutedRequest: Sendable {
    let request: Request
    let parameters: PathParameters

    /// The row that the path names.
    ///
    /// - Throws: `notFound` for what is no positive integer: no row has such an id.
    func id() throws -> Int64 {
        let text = parameters["id"]
        guard let first = text.utf8.first, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(first),
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let id = Int64(text)
        else { throw notFound() }
        return id
    }
}

/// What answers a method on a path.
struct Route: Sendable {
    static let bodyBytesMax = 1 << 20

    var bodyBytesMax = Self.bodyBytesMax
    /// Health checks come every few seconds for ever.
    var logLevel = LogLevel.info
    /// Whether it shows what is stored, so that a client may say how new that has to be.
    var readsData = false
    /// Whether it answers everybody, tokens or not.
    var isOpen = false
    /// Whether its answers say themselves what a browser may load for them.
    var hasOwnPolicy = false
    /// Set by the ``RouteTable``.
    var seconds: RequestSeconds?
    let respond: @Sendable (RoutedRequest) async throws -> Response
}
