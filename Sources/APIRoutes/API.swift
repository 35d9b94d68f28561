package import Domain
package import HTTP
package import Logging
package import Metrics

/// The service's HTTP side: finds the route, answers errors, and logs one line for each request.
package struct API: Handler {
    /// How long a read waits for the state that it asks for: shorter than a client's usual patience.
    private static let freshnessPatience = Duration.seconds(5)

    private let router: Router<Route>
    private let unrouted: RequestSeconds
    private let refused: Family<Int, Counter>
    private let freshness: any ReadFreshness
    private let logger: Logger
    private let requestIDs: RequestIDs

    package init(
        todos: any TodoRepository,
        users: any UserRepository,
        pastes: any PasteRepository,
        readiness: @escaping @Sendable () -> Readiness,
        freshness: any ReadFreshness = LocalFreshness(),
        metrics: Registry,
        logger: Logger
    ) {
        var routes = RouteTable(metrics)
        TaskHandlers(todos: todos).add(to: &routes)
        UserHandlers(users: users).add(to: &routes)
        SystemHandlers(readiness: readiness, metrics: metrics).add(to: &routes)
        PasteHandlers(pastes: pastes).add(to: &routes)
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
        var level = LogLevel.info
        var seconds = unrouted
        var response: Response
        switch router.match(request.method, request.path) {
        case .found(let route, let parameters):
            level = route.logLevel
            if let measured = route.seconds { seconds = measured }
            do {
                if route.readsData { try await reachFreshness(for: request) }
                response = try await route.respond(RoutedRequest(request: request, parameters: parameters))
            } catch {
                response = answer(error, requestID)
            }
        case .methodNotAllowed(let allowed): response = self.allowed(request, allowed, requestID)
        case .notFound where request.method == .options && request.path == "*":
            response = Response(.noContent)
        case .notFound: response = Problem(RoutedRequest.notFound(request)).response(requestID: requestID)
        }
        complete(&response, requestID)
        let duration = ContinuousClock.now - context.receivedAt
        seconds.observe(request.method, response.status, duration)
        log(level, request, response, requestID, context, duration)
        return response
    }

    package func refuse(_ refusal: Refusal, context: RequestContext) -> Response {
        let requestID = requestIDs.id(for: nil)
        var response = Problem(refusal).response(requestID: requestID)
        complete(&response, requestID)
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

    private func complete(_ response: inout Response, _ requestID: String) {
        response.add("X-Request-Id", requestID)
        response.add("X-Content-Type-Options", "nosniff")
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
        _ context: RequestContext,
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
            fields.add("remote", context.peer.description)
            fields.add("request_id", requestID)
        }
    }
}

extension RoutedRequest {
    func notFound() -> AppError { Self.notFound(request) }

    static func notFound(_ request: Request) -> AppError { .notFound("There is nothing at \(request.path).") }
}
