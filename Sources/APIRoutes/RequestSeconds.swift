import HTTP
import Metrics

/// How long the requests of one route take, by method and status.
struct RequestSeconds: Sendable {
    private struct Outcome: Hashable, Sendable {
        let method: Method
        let status: Int
    }

    private let histograms: Family<Outcome, Histogram>

    /// - pattern: The route's, which are few; empty for what no route has answered.
    init(_ pattern: String, _ registry: Registry) {
        histograms = Family { outcome in
            registry.histogram(
                "http_server_request_duration_seconds",
                "From the request's last byte to the answer.",
                .requestSeconds,
                [
                    Label("method", outcome.method.name), Label("route", pattern),
                    Label("status", String(outcome.status)),
                ]
            )
        }
    }

    func observe(_ method: Method, _ status: Status, _ duration: Duration) {
        // What a client makes up must not become a label.
        let known = if case .other = method { Method.other("OTHER") } else { method }
        histograms[Outcome(method: known, status: status.code)].observe(duration)
    }
}
