import HTTP

/// Who may do what, from where, and how often.
package struct AccessPolicy: Sendable {
    /// Nil lets everybody in.
    package var tokens: AccessTokens?
    /// The origins whose pages may use the service from a browser.
    package var origins: [String] = []
    /// How many writes one client may send in a minute; nil for as many as it likes.
    package var writesPerMinute: Int?
    /// Whose word about the client's address is believed.
    package var trustedProxies: [AddressBlock] = []

    package init() {}
}

/// Holds requests against an ``AccessPolicy``.
struct AccessControl: Sendable {
    private let policy: AccessPolicy
    private let crossOrigin: CrossOrigin?
    private let writes: RateLimit?

    init(_ policy: AccessPolicy) {
        self.policy = policy
        crossOrigin = policy.origins.isEmpty ? nil : CrossOrigin(policy.origins)
        writes = policy.writesPerMinute.map { RateLimit(perMinute: $0) }
    }

    /// Where the request is from, behind proxies that are trusted.
    func client(of request: Request, from peer: PeerAddress) -> PeerAddress {
        policy.trustedProxies.isEmpty ? peer : ForwardedAddress.client(of: request, from: peer, policy.trustedProxies)
    }

    /// The answer to a browser that asks whether it may ask, if that is what the request is.
    func preflight(_ request: Request) -> Response? { crossOrigin?.preflight(request) }

    /// What is wrong with the request, if anything is; `isOpen` routes are for everybody.
    func problem(
        with request: Request,
        from client: PeerAddress,
        at time: ContinuousClock.Instant,
        isOpen: Bool
    ) -> Problem? {
        let isWrite = request.method.writes
        if let tokens = policy.tokens, !isOpen {
            switch tokens.check(request) {
            case .granted: break
            case .grantedReading where !isWrite: break
            case .grantedReading:
                return Problem(type: .forbidden, detail: "This token may read and not write. Nothing was changed.")
            case .missing: return Problem(type: .unauthorized, detail: "Send a token: Authorization: Bearer TOKEN.")
            case .wrong: return Problem(type: .unauthorized, detail: "The token is not one of this service's.")
            }
        }
        if isWrite, let writes, let wait = writes.take(client.host, at: time) {
            var problem = Problem(type: .tooManyRequests, detail: "Too many writes came from your address.")
            problem.retryAfterSeconds = wait
            return problem
        }
        return nil
    }

    func complete(_ response: inout Response, to request: Request) {
        crossOrigin?.complete(&response, to: request)
    }
}

extension Method {
    /// Whether it may change something; a method that nothing implements counts as one that does.
    var writes: Bool {
        switch self {
        case .get, .head, .options: false
        case .post, .put, .patch, .delete, .other: true
        }
    }
}
