import Foundation
import HTTPClient
import StoreTestSupport
import Testing

@Suite struct HTTPClientTests {
    let server: Peer
    let client = HTTPClient(bundle: CABundle.find(ProcessInfo.processInfo.environment))

    init() async throws { server = try await SharedPeers.shared.peer("faults.py") }

    func url(_ path: String) -> String { "http://127.0.0.1:\(server.port)\(path)" }

    struct Echo: Decodable {
        let method: String
        let target: String
        let headers: [[String]]
        let body: String

        func header(_ name: String) -> String? {
            headers.first { $0[0].lowercased() == name }?[1].trimmingCharacters(in: .whitespaces)
        }
    }

    func echo(_ request: ClientRequest) async throws -> Echo {
        try await JSONDecoder().decode(Echo.self, from: Data(client.send(request).body))
    }

    @Test(arguments: [ClientRequest.Method.get, .put, .post, .delete])
    func `a request arrives with its method, path, headers and body`(method: ClientRequest.Method) async throws {
        let body: [UInt8] = method == .put || method == .post ? Array("hello".utf8) : []
        let headers = [("X-One", "1"), ("X-Empty", ""), ("X-Two", "a: b")]
        let echo = try await echo(ClientRequest(method, url("/echo/a%2Fb/../c?x=%20y"), headers: headers, body: body))
        #expect(echo.method == method.rawValue)
        #expect(echo.target == "/echo/a%2Fb/../c?x=%20y", "as it was signed, not tidied up")
        #expect(echo.header("x-one") == "1" && echo.header("x-empty") == "" && echo.header("x-two") == "a: b")
        #expect(echo.body == String(decoding: body, as: UTF8.self))
        #expect(echo.header("host") == "127.0.0.1:\(server.port)")
        #expect(echo.header("expect") == nil && echo.header("transfer-encoding") == nil)
        #expect(echo.header("content-length") == (method == .put || method == .post ? "5" : nil))
    }

    @Test func `an empty put says that it is empty`() async throws {
        #expect(try await echo(ClientRequest(.put, url("/echo"))).header("content-length") == "0")
    }

    @Test func `the answer to HEAD has headers and no body`() async throws {
        let answer = try await client.send(ClientRequest(.head, url("/echo")))
        #expect(answer.status == 200 && answer.body.isEmpty && answer.header("content-length") == "0")
    }

    @Test func `any status is an answer, and header names are in lower case`() async throws {
        let answer = try await client.send(ClientRequest(.get, url("/status/503")))
        #expect(answer.status == 503)
        #expect(answer.header("retry-after") == "7")
        #expect(answer.body == Array("<Error/>".utf8))
    }

    @Test func `a redirect is an answer and is not followed`() async throws {
        let answer = try await client.send(ClientRequest(.get, url("/redirect")))
        #expect(answer.status == 307 && answer.header("location") == "http://127.0.0.1:9/elsewhere")
    }

    @Test func `what came with a 100 is not part of the answer`() async throws {
        let answer = try await client.send(ClientRequest(.put, url("/continue"), body: [1]))
        #expect(answer.status == 201 && answer.header("x-late") == "yes" && answer.header("x-early") == nil)
    }

    @Test func `a chunked body is put together`() async throws {
        #expect(try await client.send(ClientRequest(.get, url("/chunks"))).body == Array("abcde".utf8))
    }

    @Test func `a server that waits for its head to be acknowledged need not wait`() async throws {
        let client = HTTPClient(bundle: .missing(""), transfersMax: 1)
        var times: [Duration] = []
        for _ in 0..<20 {
            let start = ContinuousClock.now
            #expect(try await client.send(ClientRequest(.get, url("/two-parts"))).body == Array("body".utf8))
            times.append(ContinuousClock.now - start)
        }
        // The kernel itself would wait for 40 ms, on a connection that has been used a few times.
        #expect(times.suffix(10).sorted()[4] < .milliseconds(30))
    }

    @Test func `a body of several megabytes arrives byte for byte`() async throws {
        let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 % 127) }
        let request = ClientRequest(.put, url("/echo"), body: body, answerBytesMax: 16 << 20)
        #expect(try await Array(echo(request).body.utf8) == body)
    }

    // MARK: What went wrong, and whether it may have been applied

    static let quick = TransferLimits(connect: .seconds(1), stall: .seconds(1), total: .seconds(10))

    @Test(arguments: [
        ("/reset", TransferError.Delivery.maybeApplied, TransferError.Reason.connectionLost),
        ("/close", .maybeApplied, .connectionLost),
        ("/reset-in-body", .maybeApplied, .connectionLost),
        ("/garbage", .maybeApplied, .notHTTP),
        ("/silent", .maybeApplied, .stallLimit),
        ("/reset-in-head", .answered(status: 200), .connectionLost),
        ("/truncated", .answered(status: 200), .connectionLost),
        ("/truncated-chunks", .answered(status: 200), .connectionLost),
        ("/stall-in-body", .answered(status: 200), .stallLimit),
        ("/trickle", .answered(status: 200), .stallLimit),
        ("/endless", .answered(status: 200), .answerTooLarge),
        ("/endless-headers", .answered(status: 200), .answerTooLarge),
    ])
    func `a put that got no whole answer may be applied`(
        path: String,
        delivery: TransferError.Delivery,
        reason: TransferError.Reason
    ) async throws {
        let body = [UInt8](repeating: 1, count: path == "/reset-in-body" ? 2_000_000 : 10)
        let error = await failure(ClientRequest(.put, url(path), body: body, limits: Self.quick))
        #expect(error?.delivery == delivery)
        #expect(error?.reason == reason, "\(String(describing: error))")
    }

    @Test func `a transfer that makes progress still ends at its total limit`() async throws {
        var limits = Self.quick
        limits.stallBytesPerSecond = 1
        limits.total = .seconds(2)
        let error = await failure(ClientRequest(.get, url("/trickle"), limits: limits))
        #expect(error?.reason == .totalLimit && error?.delivery == .answered(status: 200))
    }

    @Test func `what found nobody to send to was not sent`() async throws {
        let facts = server.facts
        let cases: [(String, TransferError.Reason)] = [
            ("http://127.0.0.1:1/", .connect), ("http://no-such-host.invalid/", .nameLookup),
            ("http://127.0.0.1:\(facts["full"] ?? "")/", .connectLimit),
            ("https://127.0.0.1:\(facts["mute"] ?? "")/", .connectLimit),
            ("https://127.0.0.1:\(facts["blunt"] ?? "")/", .tls),
            ("https://localhost:\(facts["tls"] ?? "")/", .certificate),
            ("ftp://localhost/", .invalidRequest), ("http://localhost/a b", .invalidRequest),
            ("http://localhost/\u{e9}", .invalidRequest),
        ]
        for (url, reason) in cases {
            let error = await failure(ClientRequest(.put, url, body: [1], limits: Self.quick))
            #expect(error?.delivery == .neverSent, "\(url): \(String(describing: error))")
            #expect(error?.reason == reason, "\(url): \(String(describing: error))")
        }
    }

    @Test(arguments: [("X-A", "line\r\nX-B: injected"), ("X-A", "line\nfeed"), ("X A", "1"), ("", "1"), ("X-A:", "1")])
    func `a header that would become two is refused`(name: String, value: String) async throws {
        let error = await failure(ClientRequest(.get, url("/echo"), headers: [(name, value)]))
        #expect(error?.reason == .invalidRequest && error?.delivery == .neverSent)
    }

    @Test func `a put on a kept-alive connection that dies is not silently sent again`() async throws {
        let client = HTTPClient(bundle: .missing(""))
        let path = "/close-when-reused"
        let before = try await log().paths[path] ?? 0
        #expect(try await client.send(ClientRequest(.put, url(path), body: [1])).body == Array("first".utf8))
        let error = await failure(ClientRequest(.put, url(path), body: [2]), client)
        #expect(error?.delivery == .maybeApplied)
        #expect(try await log().paths[path] == before + 2, "the server saw each put once")
        for _ in 0..<2 {
            let answer = try await client.send(ClientRequest(.put, url(path)))
            #expect(answer.body == Array("first".utf8), "one without a body gets a connection of its own")
        }
        #expect(try await log().paths[path] == before + 4)
    }

    // MARK: TLS

    @Test func `a server is verified with the bundle that is named`() async throws {
        let certificate = try #require(server.facts["certificate"])
        let client = HTTPClient(bundle: CABundle.find(["SSL_CERT_FILE": certificate]))
        let tls = try #require(server.facts["tls"])
        #expect(try await client.send(ClientRequest(.get, "https://localhost:\(tls)/echo")).status == 200)
        let wrongName = await failure(ClientRequest(.get, "https://127.0.0.1:\(tls)/echo"), client)
        #expect(wrongName?.reason == .certificate, "the certificate is for localhost only")
    }

    @Test func `a folder of certificates is used, and nothing beside it`() async throws {
        let certificate = try #require(server.facts["certificate"])
        let tls = try #require(server.facts["tls"])
        try await withTemporaryFolder { folder in
            let client = HTTPClient(bundle: CABundle.find(["SSL_CERT_DIR": folder]))
            let request = ClientRequest(.get, "https://localhost:\(tls)/echo")
            #expect(await failure(request, client)?.reason == .certificate)
            try FileManager.default.copyItem(atPath: certificate, toPath: folder + "/server.pem")
            let rehash = try Process.run(URL(filePath: "/usr/bin/env"), arguments: ["openssl", "rehash", folder])
            rehash.waitUntilExit()
            let again = HTTPClient(bundle: CABundle.find(["SSL_CERT_DIR": folder]))
            let answer = try await again.send(request)
            #expect(answer.status == 200)
        }
    }

    @Test func `a server that was told not to be verified is not`() async throws {
        var request = ClientRequest(.get, "https://127.0.0.1:\(server.facts["tls"] ?? "")/echo")
        request.verifiesTLS = false
        #expect(try await HTTPClient(bundle: .missing("none")).send(request).status == 200)
    }

    @Test func `without a bundle TLS fails before anything is sent, with the bundle's message`() async throws {
        let client = HTTPClient(bundle: .missing("install it"))
        let error = await failure(ClientRequest(.get, "https://localhost:\(server.facts["tls"] ?? "")/"), client)
        #expect(error == TransferError(.neverSent, .noCABundle, "install it"))
        #expect(try await client.send(ClientRequest(.get, url("/echo"))).status == 200, "plain HTTP needs none")
    }

    // MARK: Many, and none any more

    @Test func `transfers at once are bounded, and connections are used again`() async throws {
        let server = try await Peer.start("faults.py")
        let client = HTTPClient(bundle: .missing(""), transfersMax: 4)
        let url = "http://127.0.0.1:\(server.port)"
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<20 {
                group.addTask { try await client.send(ClientRequest(.get, url + "/pause")).status }
            }
            for try await status in group { #expect(status == 200) }
        }
        let log = try await JSONDecoder().decode(
            Log.self,
            from: Data(client.send(ClientRequest(.get, url + "/log")).body)
        )
        #expect(log.concurrent_max == 4)
        #expect(log.connections == 4)
    }

    @Test(arguments: ["/silent", "/stall-in-body"])
    func `cancelling the task ends the transfer at once`(path: String) async throws {
        let path = path + "?cancelled"
        let request = ClientRequest(.put, url(path), body: [1], limits: TransferLimits(stall: .seconds(25)))
        let task = Task { await failure(request) }
        while try await log().paths[path] == nil { await Task.yield() }
        let start = ContinuousClock.now
        task.cancel()
        let error = await task.value
        #expect(error?.reason == .cancelled)
        #expect(error?.delivery != .neverSent)
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test func `a transfer of a task that is cancelled already is not sent`() async throws {
        let path = "/echo/cancelled"
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await failure(ClientRequest(.put, url(path), body: [1]))
        }
        #expect(await task.value?.delivery == .neverSent)
        #expect(try await log().paths[path] == nil)
    }

    @Test func `waiting transfers of a cancelled task leave the queue`() async throws {
        let client = HTTPClient(bundle: .missing(""), transfersMax: 1)
        let silent = Task { await failure(ClientRequest(.get, url("/silent")), client) }
        let waiting = Task { await failure(ClientRequest(.get, url("/echo")), client) }
        waiting.cancel()
        #expect(await waiting.value?.reason == .cancelled)
        silent.cancel()
        #expect(await silent.value?.reason == .cancelled)
        #expect(try await client.send(ClientRequest(.get, url("/echo"))).status == 200)
    }

    @Test func `a client that is let go ends its thread`() async throws {
        func threads() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count }
        weak var weakClient: HTTPClient?
        for _ in 0..<50 {
            let client = HTTPClient(bundle: .missing(""))
            weakClient = client
            _ = try await client.send(ClientRequest(.get, url("/echo")))
        }
        #expect(weakClient == nil)
        // The threads end on their own time, and other tests come and go; fifty that stay would show.
        let deadline = ContinuousClock.now + .seconds(10)
        while try threads() > 45, ContinuousClock.now < deadline { await Task.yield() }
        #expect(try threads() <= 45)
    }

    // MARK: Helpers

    struct Log: Decodable {
        let connections: Int
        let concurrent_max: Int
        let paths: [String: Int]
    }

    func log() async throws -> Log {
        try await JSONDecoder().decode(Log.self, from: Data(client.send(ClientRequest(.get, url("/log"))).body))
    }

    func failure(_ request: ClientRequest, _ client: HTTPClient? = nil) async -> TransferError? {
        do {
            let answer = try await (client ?? self.client).send(request)
            Issue.record("\(request.url) was answered \(answer.status)")
            return nil
        } catch {
            return error
        }
    }
}
