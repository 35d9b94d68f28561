import HTTP

/// Lets pages of some origins use the service from a browser (the Fetch standard's CORS protocol).
struct CrossOrigin: Sendable {
    private let origins: Set<String>

    init(_ origins: [String]) {
        self.origins = Set(origins)
    }

    /// The answer to a preflight from a known origin; from an unknown one it is a plain OPTIONS.
    func preflight(_ request: Request) -> Response? {
        guard request.method == .options, request.headers.first("access-control-request-method") != nil,
            let origin = request.headers.first("origin"), origins.contains(origin)
        else { return nil }
        var response = Response(.noContent)
        response.add("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
        response.add(
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, Idempotency-Key, X-Min-TXID, X-Request-Id"
        )
        response.add("Access-Control-Max-Age", "600")
        return response
    }

    func complete(_ response: inout Response, to request: Request) {
        // Whatever the origin: a cache must not give one origin the answer to another.
        response.add("Vary", "Origin")
        guard let origin = request.headers.first("origin"), origins.contains(origin) else { return }
        response.add("Access-Control-Allow-Origin", origin)
        response.add(
            "Access-Control-Expose-Headers",
            "Idempotency-Replayed, Link, Location, Retry-After, X-Replicated-TXID, X-Request-Id"
        )
    }
}
