import HTTP
import HTTPServer
import TestSupport
import Testing

struct LimitTests {
    /// Connects and asks: a connection the server has no room for is told so before it says anything.
    private func ask(_ running: RunningServer, from source: String = "127.0.0.1") throws -> (SocketClient, status: Int)
    {
        let client = try running.client(from: source)
        try client.send(get("/"))
        return (client, try client.answer().status)
    }

    @Test func `no more connections are open than allowed`() throws {
        let running = try RunningServer { $0.connectionsMax = 2 }
        var clients = [try ask(running), try ask(running)]
        #expect(clients.map(\.status) == [200, 200])
        // It may have had no time to ask: sending to it can fail, the answer came before.
        let third = try running.client()
        #expect(try third.answer().status == 503)
        #expect(third.isEnded())
        // One that goes makes room for another.
        let (leaving, _) = clients.removeFirst()
        try leaving.send(get("/", "Connection: close\r\n"))
        #expect(try leaving.answer().status == 200)
        #expect(leaving.isEnded())
        leaving.finishSending()
        let next = try waitForRoom(running)
        try next.send(get("/"))
        #expect(try next.answer().status == 200)
    }

    @Test func `no address has more connections than allowed and others are let in`() throws {
        let running = try RunningServer { $0.connectionsPerAddressMax = 1 }
        let (first, status) = try ask(running, from: "127.0.0.2")
        #expect(status == 200)
        #expect(try running.client(from: "127.0.0.2").answer().status == 503)
        let (_, otherStatus) = try ask(running, from: "127.0.0.3")
        #expect(otherStatus == 200)
        try first.send(get("/again"))
        #expect(try first.answer().status == 200)
    }

    /// A connection once there is room for it: that a place is free, the server may learn only with a client's end.
    private func waitForRoom(_ running: RunningServer, from source: String = "127.0.0.1") throws -> SocketClient {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(20) {
            let client = try running.client(from: source)
            // Who is turned away is told before it has asked.
            if !client.hasInput(within: 50) { return client }
        }
        throw MadeUpHandler.NeverHappened()
    }

    @Test func `no more requests are worked on than allowed and the connection survives being told`() throws {
        let running = try RunningServer { $0.inFlightMax = 2 }
        let clients = [try running.client(), try running.client(), try running.client()]
        for client in clients.prefix(2) { try client.send(get("/hold")) }
        try running.handler.waitUntilHeld(2)
        try clients[2].send(get("/a"))
        let answer = try clients[2].answer()
        #expect(answer.status == 503)
        #expect(answer.fields["connection"] == nil)
        running.handler.release()
        #expect(try clients[0].answer().status == 200)
        try clients[2].send(get("/a"))
        #expect(try clients[2].answer().status == 200)
        running.handler.release()
        #expect(try clients[1].answer().status == 200)
    }

    private static let half = String(repeating: "a", count: 600_000)

    private func halfRequest(_ client: SocketClient) throws {
        try client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(Self.half.utf8.count + 1)\r\n\r\n\(Self.half)")
    }

    @Test func `half-sent bodies are held as far as there is room`() throws {
        let running = try RunningServer { $0.bufferedBytesMax = 1_000_000 }
        let (first, second) = (try running.client(), try running.client())
        try halfRequest(first)
        try second.send(get("/"))
        #expect(try second.answer().status == 200)
        try halfRequest(second)
        // Whichever brought it over the limit: one is told, the other goes on.
        let told = try #require(
            (0..<1000).lazy.compactMap { _ in [first, second].first { $0.hasInput(within: 10) } }.first
        )
        #expect(try told.answer().status == 503)
        let other = told === first ? second : first
        try other.send("a")
        #expect(try other.answer().status == 200)
        #expect(running.handler.refusals.count == 1)
    }

    @Test func `what a handler holds counts and stays counted when its client goes`() throws {
        let running = try RunningServer { $0.bufferedBytesMax = 1_000_000 }
        let gone = try running.client()
        try gone.send(post("/hold", Self.half))
        try running.handler.waitUntilHeld(1)
        gone.reset()
        let other = try running.client()
        try other.send(post("/hold", Self.half))
        #expect(try other.answer().status == 503)
        // What needs no room is served all the same.
        let late = try running.client()
        try late.send(get("/"))
        #expect(try late.answer().status == 200)
        running.handler.release()
        try running.handler.waitUntilAnswered(2)
        try late.send(post("/a", Self.half))
        #expect(try late.answer().status == 200)
    }

    @Test func `what a handler holds stays counted when the server gives its client up`() throws {
        let running = try RunningServer { configuration in
            configuration.bufferedBytesMax = 1_000_000
            configuration.connectionsPerAddressMax = 1
            configuration.sendTimeout = .milliseconds(300)
        }
        // It takes so little that it is given up, and not so little that its second request would not be read.
        let slow = try running.client(from: "127.0.0.2", receiveBufferBytes: 4096)
        try slow.send(get("/large/200000") + post("/hold", Self.half))
        try running.handler.waitUntilHeld(1)
        let next = try waitForRoom(running, from: "127.0.0.2")
        try next.send(post("/hold", Self.half))
        #expect(try next.answer().status == 503)
        running.handler.release()
        try running.handler.waitUntilAnswered(2)
        let late = try running.client()
        try late.send(post("/a", Self.half))
        #expect(try late.answer().status == 200)
    }

    @Test func `answers that nobody takes are held as far as there is room`() throws {
        let running = try RunningServer { $0.bufferedBytesMax = 32 << 20 }
        let size = 20 << 20
        let (first, second) = (
            try running.client(receiveBufferBytes: 4096), try running.client(receiveBufferBytes: 4096)
        )
        try first.send(get("/large/\(size)"))
        try running.handler.waitUntilAnswered(1)
        try second.send(get("/large/\(size)"))
        try running.handler.waitUntilAnswered(2)
        #expect(throws: SocketClient.Failure.self) { try second.answer() }
        #expect(try first.answer().body.count == size)
    }

    @Test func `a client that asks on and on and takes nothing is not read any more`() throws {
        let running = try RunningServer()
        let client = try running.client(receiveBufferBytes: 4096)
        try client.send((0..<200).map { _ in get("/large/200000") }.joined())
        let other = try running.client()
        // What fits the socket and the 256 KiB that may wait: 200 answers would be 40 MB.
        for _ in 0..<50 {
            try other.send(get("/thread"))
            _ = try other.answer()
        }
        #expect(running.handler.answeredCount < 50 + 100)
        for _ in 0..<200 { #expect(try client.answer().body.count == 200_000) }
    }

    @Test func `many connections are spread over the loops`() throws {
        let running = try RunningServer { $0.loopCount = 2 }
        var countByThread: [String: Int] = [:]
        var clients: [SocketClient] = []
        for _ in 0..<40 {
            let client = try running.client()
            try client.send(get("/thread"))
            countByThread[try client.answer().text, default: 0] += 1
            clients.append(client)
        }
        #expect(countByThread.values.sorted() == [20, 20])
    }

    @Test func `a second server on the same port is refused and says why`() throws {
        let running = try RunningServer()
        let error = #expect(throws: ListenError.self) { try RunningServer { $0.port = running.server.port } }
        let text = error?.description ?? ""
        #expect(text.contains("127.0.0.1:\(running.server.port)") && text.contains("Address already in use"))
        #expect(text.contains("another program has the port"))
        // The first one is none the worse for it.
        #expect(try ask(running).status == 200)
    }

    @Test func `a host that does not exist is refused by name`() throws {
        let error = #expect(throws: ListenError.self) { try RunningServer { $0.host = "256.0.0.1" } }
        #expect(error?.description.contains("256.0.0.1") == true)
    }
}
