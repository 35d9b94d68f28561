import HTTP
import TestSupport
import Testing

/// What HTTP/1.1 is on one connection.
struct ConversationTests {
    @Test func `one connection serves many requests`() throws {
        let running = try RunningServer()
        let client = try running.client()
        for number in 1...3 {
            try client.send(post("/\(number)", "hello"))
            let answer = try client.answer()
            #expect(answer.status == 200)
            #expect(answer.text == "POST /\(number) hello")
            #expect(answer.fields["connection"] == nil)
            #expect(answer.fields["date"]?.hasSuffix(" GMT") == true)
        }
    }

    @Test func `pipelined requests are answered in order`() throws {
        let running = try RunningServer()
        let client = try running.client()
        // More than one visit takes, and more than one read brings.
        let count = 3000
        try client.send((0..<count).map { get("/\($0)") }.joined())
        for number in 0..<count { #expect(try client.answer().text == "GET /\(number)") }
    }

    @Test func `an answer that has to be waited for keeps its place among pipelined ones`() throws {
        let running = try RunningServer()
        let client = try running.client()
        try client.send(get("/1") + post("/hold", "a") + get("/2") + get("/hold/b") + get("/3"))
        #expect(try client.answer().text == "GET /1")
        try running.handler.waitUntilHeld(1)
        #expect(!client.hasInput(within: 50))
        running.handler.release()
        #expect(try client.answer().text == "POST /hold a")
        #expect(try client.answer().text == "GET /2")
        try running.handler.waitUntilHeld(1)
        running.handler.release()
        #expect(try client.answer().text == "GET /hold/b")
        #expect(try client.answer().text == "GET /3")
    }

    @Test func `while one client waits for its answer the others on the same loop are served`() throws {
        let running = try RunningServer()
        let (waiting, other) = (try running.client(), try running.client())
        try waiting.send(get("/hold"))
        try running.handler.waitUntilHeld(1)
        try other.send(get("/1"))
        #expect(try other.answer().text == "GET /1")
        running.handler.release()
        #expect(try waiting.answer().text == "GET /hold")
    }

    @Test func `a client that waits to be told to send its body is told once`() throws {
        let running = try RunningServer()
        let client = try running.client()
        try client.send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n")
        #expect(try client.answer().status == 100)
        try client.send("abc")
        #expect(!client.hasInput(within: 50))
        try client.send("def")
        #expect(try client.answer().text == "POST /a abcdef")
    }

    @Test func `a client that does not wait for 100 gets none`() throws {
        let running = try RunningServer()
        let client = try running.client()
        try client.send(post("/a", "abc", "Expect: 100-continue\r\n"))
        #expect(try client.answer().status == 200)
    }

    @Test func `a body that would be refused is refused before it is sent`() throws {
        let running = try RunningServer()
        let client = try running.client()
        let length = MadeUpHandler.bodyBytesMax + 1
        try client.send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: \(length)\r\n\r\n")
        let answer = try client.answer()
        #expect(answer.status == 413)
        #expect(answer.fields["connection"] == "close")
        #expect(client.isEnded())
    }

    @Test func `HEAD is answered with the length of the body that GET would bring`() throws {
        let running = try RunningServer()
        let client = try running.client()
        try client.send("HEAD /large/1000 HTTP/1.1\r\nHost: x\r\n\r\n" + get("/next"))
        #expect(try client.answer(isHead: true).fields["content-length"] == "1000")
        #expect(try client.answer().text == "GET /next")
    }

    @Test func `HTTP 1_0 ends with the answer unless the client asks to go on`() throws {
        let running = try RunningServer()
        let once = try running.client()
        try once.send("GET /a HTTP/1.0\r\n\r\n")
        #expect(try once.answer().fields["connection"] == "close")
        #expect(once.isEnded())

        let kept = try running.client()
        for _ in 1...2 {
            try kept.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            // Without these words such a client waits for the end.
            #expect(try kept.answer().fields["connection"] == "keep-alive")
        }
    }

    @Test func `a request to close is the last one`() throws {
        let running = try RunningServer()
        let client = try running.client()
        try client.send(get("/a", "Connection: close\r\n") + get("/b"))
        let answer = try client.answer()
        #expect(answer.text == "GET /a")
        #expect(answer.fields["connection"] == "close")
        #expect(client.isEnded())
    }

    @Test(arguments: ["/a", "/hold"])
    func `a client may close its half before the answer comes`(path: String) throws {
        let running = try RunningServer()
        let client = try running.client()
        try client.send(post(path, "body") + get("/b"))
        client.finishSending()
        if path == "/hold" {
            try running.handler.waitUntilHeld(1)
            running.handler.release()
        }
        #expect(try client.answer().text == "POST \(path) body")
        #expect(try client.answer().text == "GET /b")
        #expect(client.isEnded())
    }

    @Test func `a connection that ends within a request gets no answer`() throws {
        let running = try RunningServer()
        for part in ["", "GET / HTT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"] {
            let client = try running.client()
            try client.send(part)
            client.finishSending()
            #expect(client.isEnded())
        }
    }

    @Test func `a chunked body arrives whole however it is cut`() throws {
        let running = try RunningServer()
        let client = try running.client()
        let message =
            "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3;x\r\ndef\r\n0\r\nT: 1\r\n\r\n"
        try client.send(message)
        #expect(try client.answer().text == "POST /a abcdef")
        for byte in message.utf8 { try client.send([byte]) }
        #expect(try client.answer().text == "POST /a abcdef")
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400), ("\u{16}\u{03}\u{01}", 400), ("GET / HTTP/1.1\n", 400),
        ("GET / HTTP/2.0\r\n\r\n", 505), ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n", 417),
    ])
    func `what is refused is answered and ends the connection`(message: String, status: Int) throws {
        let running = try RunningServer()
        let client = try running.client()
        try client.send(get("/first") + message)
        #expect(try client.answer().status == 200)
        let answer = try client.answer()
        #expect(answer.status == status)
        #expect(answer.fields["connection"] == "close")
        #expect(client.isEnded())
        #expect(running.handler.refusals.map(\.status.code) == [status])
    }

    @Test func `a refusal arrives though much of what was sent is never read`() throws {
        let running = try RunningServer()
        let client = try running.client()
        let body = [UInt8](repeating: 0x61, count: 3 << 20)
        try client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n")
        // Closing with this unread would make the kernel throw the answer away.
        try client.send(body)
        #expect(try client.answer().status == 413)
        #expect(client.isEnded())
    }

    @Test func `an answer larger than the socket takes arrives whole`() throws {
        let running = try RunningServer()
        let client = try running.client(receiveBufferBytes: 4096)
        let size = 8 << 20
        try client.send(get("/large/\(size)") + get("/after"))
        try running.handler.waitUntilAnswered(1)
        #expect(try client.answer().body.count == size)
        #expect(try client.answer().text == "GET /after")
    }

    @Test func `the handler is told who asks`() throws {
        let running = try RunningServer()
        let client = try running.client(from: "127.0.0.7")
        try client.send(get("/peer"))
        #expect(try client.answer().text == "127.0.0.7")
    }
}
