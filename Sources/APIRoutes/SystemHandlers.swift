import Domain
import HTTP
import JSON
import Logging
import Metrics

/// Whether the service can do its work.
package enum Readiness: Sendable {
    /// - schema: The newest migration that is applied.
    case ready(schema: String, durability: String)
    /// What is missing, in words for an operator; it must tell a stranger nothing. The cause is for the log alone.
    case notReady(String, cause: String? = nil)
}

/// Health, pages and the API's own description.
struct SystemHandlers: Sendable {
    let readiness: @Sendable () -> Readiness
    let metrics: Registry
    let status: @Sendable () async throws -> ServiceStatus
    let surface: API.Surface

    func add(to routes: inout RouteTable) {
        for path in ["/health", "/healthz"] {
            routes.add(.get, path, Route(logLevel: .debug, isOpen: true) { _ in Self.alive })
        }
        routes.add(.get, "/readyz", Route(logLevel: .debug, isOpen: true) { _ in try ready() })
        if surface.contains(.operations) {
            routes.add(.get, "/metrics", Route(logLevel: .debug) { _ in scrape() })
            StatusHandlers(status: status).add(to: &routes)
            routes.add(.get, "/status", Route(hasOwnPolicy: true) { _ in StaticFile.statusPage.response })
        }
        for (path, file) in StaticFile.all where surface.contains(.service) || path.hasPrefix("/assets/") {
            routes.add(.get, path, Route(hasOwnPolicy: file.isPage) { _ in file.response })
        }
    }

    static var alive: Response {
        Response(.ok, type: "application/json", body: Array(#"{"status": "ok"}"#.utf8))
    }

    private func scrape() -> Response {
        Response(.ok, type: "text/plain; version=0.0.4; charset=utf-8", body: metrics.text())
    }

    private func ready() throws -> Response {
        switch readiness() {
        case .notReady(let reason, let cause): throw AppError.unavailable(reason, cause: cause)
        case .ready(let schema, let durability):
            var json = JSONWriter()
            json.beginObject()
            json.key("status")
            json.string("ready")
            json.key("version")
            json.string(Version.current)
            json.key("durability")
            json.string(durability)
            json.key("schema")
            json.string(schema)
            json.endObject()
            return .json(.ok, json)
        }
    }
}
