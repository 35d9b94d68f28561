import HTTP
import HTTPServer
import Synchronization
import TestSupport
import Testing
import Threads

/// What becomes of clients when the server is asked to stop, and of the server when clients go.
struct DrainTests {
    /// Drains on a thread of its own, as the program does on its main thread while the loops go on.
    private final class Draining {
        private let cutOffCount = Monitor<Int?>(nil, conditions: 1)

        init(_ running: RunningServer, within limit: Duration = .seconds(20)) {
            running.hasDrained = true
            let thread = WorkerThread(named: "drain") { [server = running.server, cutOffCount] in
                let count = server.drain(within: limit)
                cutOffCount.withLock { $0 = count }
                cutOffCount.signal(0)
            }
            thread.detach()
        }

        /// How many connections were cut off, once it is over.
        var result: Int { cutOffCount.wait(for: 0) { $0 } }
        var isOver: Bool { cutOffCount.withLock { $0 != nil } }
    }

    /// Waits until nobody is let in any more.
    private func waitUntilClosed(_ running: RunningServer) {
        while (try? running.client()) != nil {}
    }

    @Test func `what has begun is finished and the connection closes with it`() throws {
        let running = try RunningServer()
        let (headless, bodyless, held) = (try running.client(), try running.client(), try running.client())
        // Each has had an answer, so that the server has read its half before the drain begins.
        for client in [headless, bodyless, held] {
            try client.send(get("/"))
            _ = try client.answer()
        }
        try held.send(get("/hold"))
        try headless.send(get("/") + "GET /head HTTP/1.1\r\nHost")
        try bodyless.send(get("/") + "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo")
        try running.handler.waitUntilHeld(1)
        for client in [headless, bodyless] { _ = try client.answer() }

        let draining = Draining(running)
        waitUntilClosed(running)
        #expect(!draining.isOver)
        try headless.send(": x\r\n\r\n")
        try bodyless.send("dy")
        running.handler.release()
        for (client, text) in [(headless, "GET /head"), (bodyless, "POST /body body"), (held, "GET /hold")] {
            let answer = try client.answer()
            #expect(answer.text == text)
            #expect(answer.fields["connection"] == "close")
            #expect(client.isEnded())
            client.finishSending()
        }
        #expect(draining.result == 0)
    }

    @Test func `idle connections are closed at once`() throws {
        let running = try RunningServer { $0.idleTimeout = .seconds(60) }
        let (idle, silent) = (try running.client(), try running.client())
        try idle.send(get("/"))
        _ = try idle.answer()
        #expect(running.drain() == 0)
        #expect(idle.isEnded())
        try silent.waitForEnd()
    }

    @Test func `a slow reader gets all of an answer that was made before the drain and holds it up no longer`() throws {
        let running = try RunningServer()
        let client = try running.client(receiveBufferBytes: 4096)
        let size = 16 << 20
        try client.send(get("/large/\(size)"))
        try running.handler.waitUntilAnswered(1)
        let draining = Draining(running)
        waitUntilClosed(running)
        #expect(!draining.isOver)
        #expect(try client.answer().body.count == size)
        #expect(client.isEnded())
        #expect(draining.result == 0)
    }

    @Test func `what is not finished in time is cut off and counted`() throws {
        let running = try RunningServer()
        let (held, half) = (try running.client(), try running.client())
        try held.send(get("/hold"))
        try running.handler.waitUntilHeld(1)
        try half.send(get("/") + "GET /")
        _ = try half.answer()
        #expect(running.drain(within: .milliseconds(100)) == 2)
        try held.waitForEnd()
        try half.waitForEnd()
        // The handler comes back to a connection that is gone.
        running.handler.release()
        try running.handler.waitUntilAnswered(2)
    }

    @Test func `draining and stopping twice does no harm`() throws {
        let running = try RunningServer()
        #expect(running.drain() == 0)
        #expect(running.drain() == 0)
        running.server.stop()
        running.server.stop()
    }

    @Test func `the port is free again after the server has stopped`() throws {
        let running = try RunningServer()
        let client = try running.client()
        try client.send(get("/"))
        _ = try client.answer()
        #expect(running.drain() == 0)
        running.server.stop()
        let next = try RunningServer { $0.port = running.server.port }
        let other = try next.client()
        try other.send(get("/"))
        #expect(try other.answer().status == 200)
    }

    @Test func `a client that goes before its answer is forgotten`() throws {
        let running = try RunningServer { $0.connectionsMax = 8 }
        for _ in 0..<4 {
            let client = try running.client()
            try client.send(get("/hold"))
            try running.handler.waitUntilHeld(1)
            client.reset()
            running.handler.release()
        }
        try running.handler.waitUntilAnswered(4)
        // Nobody is left to wait for.
        #expect(running.drain() == 0)
    }

    @Test func `a handler goes on on its loop whichever thread resumed it`() throws {
        let running = try RunningServer { $0.loopCount = 2 }
        let clients = try (0..<8).map { _ in try running.client() }
        var threads: [String] = []
        for client in clients {
            try client.send(get("/thread"))
            threads.append(try client.answer().text)
        }
        for client in clients { try client.send(get("/hold/thread")) }
        try running.handler.waitUntilHeld(clients.count)
        for _ in clients { running.handler.release() }
        #expect(try clients.map { try $0.answer().fields["x-thread"] } == threads)
    }

    @Test func `what is for each loop runs before it is stopped, and the last hook after that`() throws {
        let log = Mutex<[String]>([])
        var hooks = LoopHooks()
        hooks.stops = { log.withLock { $0.append("stops") } }
        var configuration = ServerConfiguration()
        (configuration.host, configuration.port) = ("127.0.0.1", 0)
        let server = try Server(configuration, handler: MadeUpHandler(), hooks: hooks)
        server.onEachLoop { _ in log.withLock { $0.append("for each") } }
        #expect(server.drain(within: .seconds(5)) == 0)
        server.stop()
        #expect(log.withLock { $0 } == ["for each", "stops"])
    }
}
