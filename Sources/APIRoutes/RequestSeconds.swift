import HTTP
import Metrics

/// How long the requests of one route take, by method and status.
struct RequestSeconds: Sendable {
    /// By method and status in one number, which is found faster than a structure.
    private let histograms: Family<Int, Histogram>
    private static let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"]

    /// - pattern: The route's, which are few; empty for what no route has answered.
    init(_ pattern: String, _ registry: Registry) {
        histograms = Family { key in
            registry.histogram(
                "http_server_request_duration_seconds",
                "From the request's last byte to the answer.",
                .requestSeconds,
                [
                    Label("method", Self.names[key & 7]), Label("route", pattern), Label("status", String(key >> 3)),
                ]
            )
        }
    }

    func observe(_ method: Method, _ status: Status, _ duration: Duration) {
        histograms[status.code << 3 | Self.index(method)].observe(duration)
    }

    private static func index(_ method: Method) -> Int {
        switch method {
        case .get: 0
        case .head: 1
        case .post: 2
        case .put: 3
        case .patch: 4
        case .delete: 5
        case .options: 6
        // What a client makes up must not become a label.
        case .other: 7
        }
    }
}
