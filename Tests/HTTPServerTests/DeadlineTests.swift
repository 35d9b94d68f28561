import HTTP
import HTTPServer
import TestSupport
import Testing

/// Time limits are totals: a client that goes on sending a little does not stretch them.
struct DeadlineTests {
    private static let short = Duration.milliseconds(300)
    /// What the machine may be late by when it is busy.
    private static let slack = Duration.seconds(15)

    /// Sends a byte every now and then, until the server says something.
    private func drip(_ client: SocketClient, _ byte: String) throws -> Duration {
        let start = ContinuousClock.now
        while !client.hasInput(within: 20), ContinuousClock.now - start < Self.slack { try client.send(byte) }
        return ContinuousClock.now - start
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: x\r\nX: ", "a"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", "a"),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFF\r\n", "a"),
    ])
    func `a request that drips in is cut off with 408`(start: String, byte: String) throws {
        let running = try RunningServer { configuration in
            configuration.headTimeout = start.hasPrefix("GET") ? Self.short : .seconds(60)
            configuration.bodyTimeout = start.hasPrefix("POST") ? Self.short : .seconds(60)
            configuration.idleTimeout = .seconds(60)
        }
        let client = try running.client()
        try client.send(start)
        let time = try drip(client, byte)
        #expect(time >= Self.short && time < Self.slack)
        let answer = try client.answer()
        #expect(answer.status == 408)
        #expect(answer.fields["connection"] == "close")
        #expect(client.isEnded())
    }

    @Test func `a connection that never says anything is closed without a word`() throws {
        let running = try RunningServer { $0.headTimeout = Self.short }
        let client = try running.client()
        #expect(client.isEnded())
        #expect(running.handler.refusals.isEmpty)
    }

    @Test func `an idle connection is closed after the idle time and not after the others`() throws {
        let running = try RunningServer { configuration in
            configuration.headTimeout = .seconds(60)
            configuration.idleTimeout = Self.short
        }
        let client = try running.client()
        try client.send(get("/"))
        _ = try client.answer()
        let start = ContinuousClock.now
        #expect(client.isEnded())
        #expect(ContinuousClock.now - start >= Self.short / 2)
        #expect(running.handler.refusals.isEmpty)
    }

    @Test func `each request has its time anew`() throws {
        let running = try RunningServer { $0.headTimeout = Self.short }
        let client = try running.client()
        let start = ContinuousClock.now
        while ContinuousClock.now - start < Self.short * 3 {
            try client.send("GET / HTTP/1.1\r\n")
            _ = client.hasInput(within: 20)
            try client.send("Host: x\r\n\r\n")
            #expect(try client.answer().status == 200)
        }
    }

    @Test func `no time limit of the connection ends a handler's work`() throws {
        let running = try RunningServer { configuration in
            (configuration.headTimeout, configuration.bodyTimeout) = (Self.short, Self.short)
            (configuration.idleTimeout, configuration.sendTimeout) = (Self.short, Self.short)
        }
        let client = try running.client()
        try client.send(get("/hold"))
        try running.handler.waitUntilHeld(1)
        #expect(!client.hasInput(within: 900))
        running.handler.release()
        #expect(try client.answer().status == 200)
    }

    @Test func `a client that does not take its answer is cut off`() throws {
        let running = try RunningServer { configuration in
            configuration.sendTimeout = Self.short
            configuration.idleTimeout = .seconds(60)
        }
        let client = try running.client(receiveBufferBytes: 4096)
        try client.send(get("/large/\(16 << 20)"))
        try running.handler.waitUntilAnswered(1)
        // The drain waits for the connection, and would have to cut it off itself.
        #expect(running.drain() == 0)
        #expect(throws: SocketClient.Failure.self) { try client.answer() }
    }

    @Test func `taking an answer slowly is not being idle`() throws {
        let running = try RunningServer { configuration in
            configuration.idleTimeout = Self.short
            configuration.sendTimeout = .seconds(60)
        }
        let client = try running.client(receiveBufferBytes: 4096)
        let size = 16 << 20
        try client.send(get("/large/\(size)"))
        try running.handler.waitUntilAnswered(1)
        let other = try running.client()
        try other.send(get("/"))
        _ = try other.answer()
        // The other one is idle for longer than allowed; this one was so since its answer was made.
        #expect(other.isEnded())
        #expect(try client.answer().body.count == size)
    }
}
