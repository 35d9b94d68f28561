package import Domain
package import HTTP
package import Logging
package import Metrics

/// The service's HTTP side: finds the route, answers errors, and logs one line for each request.
package struct API: Handler {
    /// How long a read waits for the state that it asks for: shorter than a client's usual patience.
    private static let freshnessPatience = Duration.seconds(5)

    /// What is served: all on one port, or the two apart.
    package struct Surface: OptionSet, Sendable {
        package let rawValue: Int

        package init(rawValue: Int) { self.rawValue = rawValue }

        /// Data, pages and documentation.
        package static let service = Surface(rawValue: 1)
        /// Metrics and status.
        package static let operations = Surface(rawValue: 2)
        package static let all: Surface = [.service, .operations]
    }

    private let router: Router<Route>
    private let unrouted: RequestSeconds
    private let refused: Family<Int, Counter>
    private let freshness: any ReadFreshness
    private let access: AccessControl
    private let logger: Logger
    private let requestIDs: RequestIDs

    package init(
        todos: any TodoRepository,
        users: any UserRepository,
        pastes: any PasteRepository,
        readiness: @escaping @Sendable () -> Readiness,
        status: @escaping @Sendable () async throws -> ServiceStatus,
        freshness: any ReadFreshness = LocalFreshness(),
        access: AccessPolicy = AccessPolicy(),
        surface: Surface = .all,
        metrics: Registry,
        logger: Logger
    ) {
        var routes = RouteTable(metrics)
        SystemHandlers(readiness: readiness, metrics: metrics, status: status, surface: surface).add(to: &routes)
        if surface.contains(.service) {
            TaskHandlers(todos: todos).add(to: &routes)
            UserHandlers(users: users).add(to: &routes)
            PasteHandlers(pastes: pastes).add(to: &routes)
        }
        router = routes.router
        unrouted = RequestSeconds("", metrics)
        refused = Family { status in
            metrics.counter(
                "http_server_refused_total",
                "What was turned away before any route: bytes that are no request, or one too many.",
                [Label("status", String(status))]
            )
        }
        self.freshness = freshness
        self.access = AccessControl(access)
        self.logger = logger
        var generator = SystemRandomNumberGenerator()
        requestIDs = RequestIDs(using: &generator)
    }

    /// Every route there is, for whoever compares them with the OpenAPI document.
    package var routes: [(method: Method, pattern: String)] { router.routes }

    package func bodyBytesMax(for head: RequestHead) -> Int {
        guard case .found(let route, _) = router.match(head.method, head.path) else { return Route.bodyBytesMax }
        return route.bodyBytesMax
    }

    package func respond(to request: Request, context: RequestContext) async -> Response {
        let requestID = requestIDs.id(for: request.headers)
        let client = access.client(of: request, from: context.peer)
        let match = router.match(request.method, request.path)
        let route: Route? = if case .found(let route, _) = match { route } else { nil }
        var response: Response
        if let preflight = access.preflight(request) {
            response = preflight
        } else if let problem = access.problem(
            with: request,
            from: client,
            at: context.receivedAt,
            isOpen: route?.isOpen ?? false
        ) {
            response = problem.response(requestID: requestID)
        } else {
            response = await respond(to: request, match, requestID)
        }
        complete(&response, requestID, hasOwnPolicy: route?.hasOwnPolicy ?? false)
        access.complete(&response, to: request)
        let duration = ContinuousClock.now - context.receivedAt
        (route?.seconds ?? unrouted).observe(request.method, response.status, duration)
        log(route?.logLevel ?? .info, request, response, requestID, client, duration)
        return response
    }

    private func respond(to request: Request, _ match: Router<Route>.Match, _ requestID: String) async -> Response {
        switch match {
        case .found(let route, let parameters):
            do {
                if route.readsData { try await reachFreshness(for: request) }
                return try await route.respond(RoutedRequest(request: request, parameters: parameters))
            } catch {
                return answer(error, requestID)
            }
        case .methodNotAllowed(let allowed): return self.allowed(request, allowed, requestID)
        case .notFound where request.method == .options && request.path == "*": return Response(.noContent)
        case .notFound: return Problem(RoutedRequest.notFound(request)).response(requestID: requestID)
        }
    }

    package func refuse(_ refusal: Refusal, context: RequestContext) -> Response {
        let requestID = requestIDs.id(for: nil)
        var response = Problem(refusal).response(requestID: requestID)
        complete(&response, requestID, hasOwnPolicy: false)
        refused[refusal.status.code].add()
        logger.log(.warning, "request refused") { fields in
            fields.add("status", Int64(refusal.status.code))
            fields.add("reason", refusal.detail)
            fields.add("remote", context.peer.description)
            fields.add("request_id", requestID)
        }
        return response
    }

    /// Waits until what is read is as new as the client, or the operator, wants it.
    private func reachFreshness(for request: Request) async throws {
        let text = request.headers.first("x-min-txid")
        guard text != nil || freshness.boundsStaleness else { return }
        let receipt = try text.map { text in
            guard let receipt = Receipt(text) else {
                throw AppError.malformed("X-Min-TXID must be what X-Replicated-TXID said: 16 lower-case hex digits.")
            }
            return receipt
        }
        try await freshness.reach(receipt, within: Self.freshnessPatience)
    }

    private func complete(_ response: inout Response, _ requestID: String, hasOwnPolicy: Bool) {
        response.add("X-Request-Id", requestID)
        response.addSecurityFields(hasOwnPolicy: hasOwnPolicy)
    }

    private func allowed(_ request: Request, _ methods: [Method], _ requestID: String) -> Response {
        let list = methods.map(\.name).joined(separator: ", ")
        var response: Response
        if request.method == .options {
            response = Response(.noContent)
        } else {
            let detail = "\(request.method.name) is not possible here; possible are \(list)."
            response = Problem(type: .methodNotAllowed, detail: detail).response(requestID: requestID)
        }
        response.add("Allow", list)
        return response
    }

    private func answer(_ error: any Error, _ requestID: String) -> Response {
        switch error {
        case let repetition as Repetition:
            do { return try Response(repetition) } catch { return answer(error, requestID) }
        case let error as AppError:
            if let cause = error.cause { report(cause, requestID) }
            return Problem(error).response(requestID: requestID)
        case let refusal as Refusal:
            return Problem(refusal).response(requestID: requestID)
        default:
            report("\(error)", requestID)
            return Problem.internalError.response(requestID: requestID)
        }
    }

    private func report(_ cause: String, _ requestID: String) {
        logger.log(.error, "request failed") { fields in
            fields.add("error", cause)
            fields.add("request_id", requestID)
        }
    }

    private func log(
        _ level: LogLevel,
        _ request: Request,
        _ response: Response,
        _ requestID: String,
        _ client: PeerAddress,
        _ duration: Duration
    ) {
        let level = response.status.code >= 500 ? max(level, .warning) : level
        logger.log(level, "request") { fields in
            fields.add("method", request.method.name)
            fields.add("path", request.path)
            fields.add("status", Int64(response.status.code))
            fields.add("bytes", Int64(response.body.count))
            let (seconds, attoseconds) = duration.components
            fields.add("duration_ms", nanoseconds: seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
            fields.add("remote", client.description)
            fields.add("request_id", requestID)
        }
    }
}

extension RoutedRequest {
    func notFound() -> AppError { Self.notFound(request) }

    static func notFound(_ request: Request) -> AppError { .notFound("There is nothing at \(request.path).") }
}
