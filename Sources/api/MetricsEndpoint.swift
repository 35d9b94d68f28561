import App
import HTTP
import HTTPServer
import Logging
import Metrics

/// A listener for who scrapes metrics.
struct MetricsEndpoint {
    private struct Answers: Handler {
        let registry: Registry

        func bodyBytesMax(for head: RequestHead) -> Int { 0 }

        func respond(to request: Request, context: RequestContext) async -> Response {
            guard request.path == "/metrics" else { return Response(.notFound) }
            guard request.method == .get || request.method == .head else { return Response(.methodNotAllowed) }
            return Response(.ok, type: "text/plain; version=0.0.4; charset=utf-8", body: registry.text())
        }

        func refuse(_ refusal: Refusal, context: RequestContext) -> Response { Response(refusal.status) }
    }

    private let server: Server

    /// Listens at an address as configurations have it: `:9090`, `9090`, `127.0.0.1:9090`, `[::1]:9090`.
    init(_ address: String, _ registry: Registry, _ logger: Logger) throws {
        let colon = address.lastIndex(of: ":")
        let portText = colon.map { address[address.index(after: $0)...] } ?? address[...]
        guard let port = Int(portText), (0...65535).contains(port) else {
            throw ServiceError("addr \(address) has no port: it is such as :9090 or 127.0.0.1:9090")
        }
        var host = colon.map { String(address[..<$0]) } ?? ""
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        var configuration = ServerConfiguration()
        configuration.host = host.isEmpty ? "0.0.0.0" : host
        configuration.port = port
        configuration.connectionsMax = 64
        do { server = try Server(configuration, handler: Answers(registry: registry)) } catch {
            throw ServiceError("cannot serve metrics on \(address): \(error)")
        }
        let bound = server.port
        logger.log(.info, "serving metrics on") { $0.add("port", Int64(bound)) }
    }

    func stop() { server.stop() }
}
