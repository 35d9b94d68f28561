import HTTP
import HTTPServer
import TestSupport

/// A server that one test has to itself, on a port of its own.
final class RunningServer {
    let handler = MadeUpHandler()
    let server: Server
    var hasDrained = false

    init(_ change: (inout ServerConfiguration) -> Void = { _ in }) throws {
        var configuration = ServerConfiguration()
        configuration.host = "127.0.0.1"
        configuration.port = 0
        change(&configuration)
        server = try Server(configuration, handler: handler)
    }

    deinit {
        if !hasDrained { _ = server.drain(within: .zero) }
        server.stop()
    }

    func client(from source: String = "127.0.0.1", receiveBufferBytes: Int32? = nil) throws -> SocketClient {
        try SocketClient(port: server.port, from: source, receiveBufferBytes: receiveBufferBytes)
    }

    /// - Returns: How many connections had to be cut off.
    func drain(within limit: Duration = .seconds(10)) -> Int {
        hasDrained = true
        return server.drain(within: limit)
    }
}

func get(_ path: String, _ fields: String = "") -> String { "GET \(path) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n" }

func post(_ path: String, _ body: String, _ fields: String = "") -> String {
    "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
}
