import HTTP
import Metrics

/// The routes as handlers add them, each with its place in the metrics.
struct RouteTable {
    private(set) var router = Router<Route>()
    private let registry: Registry

    init(_ registry: Registry) {
        self.registry = registry
    }

    mutating func add(_ method: Method, _ pattern: String, _ route: Route) {
        var route = route
        route.seconds = RequestSeconds(pattern, registry)
        router.add(method, pattern, route)
    }

    mutating func get(_ pattern: String, _ respond: @escaping @Sendable (RoutedRequest) async throws -> Response) {
        add(.get, pattern, Route(respond: respond))
    }
}
