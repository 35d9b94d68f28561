import HTTP
import HTTPServer

/// Where the service listens: for everybody, and for its operators if that is a port of its own.
struct Ports: Sendable {
    let server: Server
    let adminServer: Server?

    /// From here on clients can connect, and are answered.
    init(
        _ configuration: ServiceConfiguration,
        _ handler: any Handler,
        admin adminHandler: any Handler,
        _ hooks: LoopHooks
    ) throws(ListenError) {
        let server = try Server(configuration.server, handler: handler, hooks: hooks)
        self.server = server
        do throws(ListenError) {
            adminServer = try configuration.adminServer.map { configuration throws(ListenError) in
                try Server(configuration, handler: adminHandler, hooks: hooks)
            }
        } catch {
            server.abandon()
            throw error
        }
    }

    func onEachLoop(_ body: @escaping @Sendable (EventLoop) -> Void) {
        server.onEachLoop(body)
        adminServer?.onEachLoop(body)
    }

    /// Lets what has begun finish; see ``Server/drain(within:)``.
    func drain(within limit: Duration) -> Int {
        let cutOffCount = server.drain(within: limit)
        _ = adminServer?.drain(within: .zero)
        return cutOffCount
    }

    /// Ends the threads.
    func stop() {
        server.stop()
        adminServer?.stop()
    }

    /// Ends all of it at once.
    func abandon() {
        _ = drain(within: .zero)
        stop()
    }
}

extension Server {
    fileprivate func abandon() {
        _ = drain(within: .zero)
        stop()
    }
}
