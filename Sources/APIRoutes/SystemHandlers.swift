import Domain
import HTTP
import JSON
import Logging

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

    func add(to router: inout Router<Route>) {
        for path in ["/health", "/healthz"] {
            router.add(.get, path, Route(logLevel: .debug) { _ in Self.alive })
        }
        router.add(.get, "/readyz", Route(logLevel: .debug) { _ in try ready() })
        for (path, file) in StaticFile.all { router.get(path) { _ in file.response } }
    }

    private static var alive: Response {
        Response(.ok, type: "application/json", body: Array(#"{"status": "ok"}"#.utf8))
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
