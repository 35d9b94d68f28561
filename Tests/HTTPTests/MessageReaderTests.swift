import HTTP
import Testing

struct MessageReaderTests {
    /// Bytes, and what must come of them, as ``Reading/summary`` says it.
    struct Probe: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        let outcome: String

        init(_ name: String, _ text: String, _ outcome: String) {
            (self.name, bytes, self.outcome) = (name, Array(text.utf8), outcome)
        }

        var testDescription: String { name }
    }

    private static let body = "{\"title\":\"t\"}"
    private static let get = "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let taken = "POST /tasks \"{\"title\":\"t\"}\""

    private static func get(_ fields: String) -> String { "GET /plain HTTP/1.1\r\nHost: x\r\n\(fields)\r\n" }

    private static func post(_ fields: String, _ body: String = body, version: String = "1.1") -> String {
        "POST /tasks HTTP/\(version)\r\nHost: x\r\n\(fields)\r\n\(body)"
    }

    private static func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked\r\n", body) }

    /// Ways to say where a body ends that two readers could understand differently, and their harmless neighbours.
    static let probes =
        bodyProbes
        + lengthProbes.map { value, outcome in
            Probe("Content-Length: \(value)", post("Content-Length:\(value)\r\n"), outcome)
        }
        + encodingProbes.map { value, outcome in
            Probe(
                "Transfer-Encoding: \(value)",
                post("Transfer-Encoding:\(value)\r\n", "d\r\n\(body)\r\n0\r\n\r\n"),
                outcome
            )
        }
        + chunkProbes.map { text, outcome in
            Probe("chunk \(text.debugDescription)", chunked(text), outcome)
        } + lineProbes

    private static let bodyProbes = [
        Probe("length and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"),
        Probe("chunked and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), "400"),
        Probe("chunked and length 0", post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "0\r\n\r\n"), "400"),
        Probe("two lengths", post("Content-Length: 13\r\nContent-Length: 5\r\n"), "400"),
        Probe("the same length twice", post("Content-Length: 13\r\nContent-Length: 13\r\n"), "400"),
        Probe("chunked in HTTP/1.0", post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", version: "1.0"), "400"),
        Probe(
            "GET with a body",
            "GET /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello\(get)",
            "GET /plain \"hello\", GET /plain"
        ),
        Probe("no length, no body", post("", get), "POST /tasks, GET /plain"),
        Probe("length 0", post("Content-Length: 0\r\n", get), "POST /tasks, GET /plain"),
        Probe("names in any case", post("cOnTeNt-LeNgTh:13\r\n"), taken),
        Probe("two requests at once", get + get, "GET /plain, GET /plain"),
        Probe("a field that only starts like it", post("Content-Lengths: 5\r\n", get), "POST /tasks, GET /plain"),
    ]

    private static let lengthProbes = [
        ("13", taken), (" 13", taken), ("\t13 \t", taken), ("000000000000000013", taken),
        (" +13", "400"), (" 0x0d", "400"), (" -1", "400"), (" 13a", "400"), ("", "400"), (" ", "400"),
        (" 1 3", "400"), (" 13,13", "400"), (" 13, 13", "400"), (" 99999999999999999999", "400"),
        (" 0000000000000000013", "400"), (" 999999999999999999", "413"), (" \u{0B}13", "400"), (" １３", "400"),
        (" 1048577", "413"), (" 1048576", ""),
    ]

    private static let encodingProbes = [
        ("chunked", taken), (" chunked", taken), (" CHUNKED\t", taken),
        (" xchunked", "501"), (" identity", "501"), (" chunked, identity", "501"), (" gzip, chunked", "501"),
        (" chunked,", "501"), (" \"chunked\"", "501"), (" chunked;q=1", "501"), ("", "501"), (" \u{0B}chunked", "400"),
        (" chunked\r\nTransfer-Encoding: identity", "400"), (" identity\r\nTransfer-Encoding: chunked", "501"),
        (" chunked\r\nTransfer-Encoding: chunked", "400"), ("\r\n chunked", "501"),
    ]

    private static let chunkProbes = [
        ("d\r\n\(body)\r\n0\r\n\r\n", taken), ("D\r\n\(body)\r\n00\r\n\r\n", taken),
        ("0000000d\r\n\(body)\r\n0\r\n\r\n", taken), ("0\r\n\r\n", "POST /tasks"),
        ("1\r\n{\r\nc\r\n\"title\":\"t\"}\r\n0\r\n\r\n", taken),
        ("d;a=b;c=\"d\"\r\n\(body)\r\n0;e\r\nX-T: 1\r\nY:\r\n\r\n", taken),
        ("0xd\r\n\(body)\r\n0\r\n\r\n", "400"), ("-d\r\n\(body)\r\n0\r\n\r\n", "400"),
        ("+d\r\n\(body)\r\n0\r\n\r\n", "400"), (" d\r\n\(body)\r\n0\r\n\r\n", "400"),
        ("d \r\n\(body)\r\n0\r\n\r\n", "400"), ("d;a\n\r\n\(body)\r\n0\r\n\r\n", "400"),
        ("d\n\(body)\n0\n\n", "400"), ("d\r\n\(body)\n0\r\n\r\n", "400"), ("d\r\n\(body)\r\r\n0\r\n\r\n", "400"),
        ("FFFFFFFFFFFFFFFFFd\r\n\(body)\r\n0\r\n\r\n", "400"), ("00000000d\r\n\(body)\r\n0\r\n\r\n", "400"),
        ("c\r\n\(body)\r\n0\r\n\r\n", "400"), ("e\r\n\(body)\r\n0\r\n\r\n", "400"), ("\r\n\(body)\r\n0\r\n\r\n", "400"),
        (";a\r\n\(body)\r\n0\r\n\r\n", "400"), ("d;a\rb\r\n\(body)\r\n0\r\n\r\n", "400"),
        ("d;\0\r\n\(body)\r\n0\r\n\r\n", "400"), ("0\r\nX-T: 1\n\r\n", "400"), ("0\r\n X: 1\r\n\r\n", "400"),
        ("0\r\n: 1\r\n\r\n", "400"), ("0\r\nX\r\n\r\n", "400"), ("0\r\nX : 1\r\n\r\n", "400"),
        ("0\r\nX: \0\r\n\r\n", "400"),
        ("0\r\n\rX", "400"), ("100001\r\n", "413"), ("100000\r\n", ""), ("FFFFFFFF\r\n", "413"), ("0\r\n", ""),
    ]

    private static let lineProbes = [
        Probe("a space before the colon", post("Content-Length : 13\r\n"), "400"),
        Probe("a folded line", get("X: a\r\n b\r\n"), "400"),
        Probe("a line folded by a tab", get("X: a\r\n\tb\r\n"), "400"),
        Probe("a length in a folded line", post("X: a\r\n Content-Length: 13\r\n"), "400"),
        Probe("a fold before the first field", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", "400"),
        Probe("lines without CR", "GET /plain HTTP/1.1\nHost: x\n\n", "400"),
        Probe("one line without CR", "GET /plain HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", "400"),
        Probe("the last line without CR", "GET /plain HTTP/1.1\r\nHost: x\r\n\n", "400"),
        Probe("CR in a value", get("X: a\rb\r\n"), "400"),
        Probe("CR at the end of a value", get("X: a\r\r\n"), "400"),
        Probe("CR before Transfer-Encoding", post("X: a\rTransfer-Encoding: chunked\r\n", ""), "400"),
        Probe("NUL in a value", get("X: a\0b\r\n"), "400"),
        Probe("DEL in a value", get("X: a\u{7F}b\r\n"), "400"),
        Probe("tab and non-ASCII in a value", get("X: a\té\r\n"), "GET /plain"),
        Probe("no value", get("X:\r\n"), "GET /plain"),
        Probe("a parenthesis in a name", get("X(y): 1\r\n"), "400"),
        Probe("non-ASCII in a name", get("Xé: 1\r\n"), "400"),
        Probe("no name", get(": 1\r\n"), "400"),
        Probe("no colon", get("Xyz\r\n"), "400"),
        Probe("no Host", "GET /plain HTTP/1.1\r\n\r\n", "400"),
        Probe("two Hosts", get("Host: y\r\n"), "400"),
        Probe("the same Host twice", get("host: x\r\n"), "400"),
        Probe("an empty Host", "GET /plain HTTP/1.1\r\nHost:\r\n\r\n", "GET /plain"),
        Probe("Host with a port", "GET /plain HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET /plain"),
        Probe("Host with a path", "GET /plain HTTP/1.1\r\nHost: x/y\r\n\r\n", "400"),
        Probe("Host with a user", "GET /plain HTTP/1.1\r\nHost: u@x\r\n\r\n", "400"),
        Probe("Host with a space", "GET /plain HTTP/1.1\r\nHost: x y\r\n\r\n", "400"),
        Probe("HTTP/1.0 without Host", "GET /plain HTTP/1.0\r\n\r\n", "GET /plain"),
        Probe("HTTP/2.0", "GET /plain HTTP/2.0\r\nHost: x\r\n\r\n", "505"),
        Probe("HTTP/1.2", "GET /plain HTTP/1.2\r\nHost: x\r\n\r\n", "505"),
        Probe("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
        Probe("FOO/1.1", "GET /plain FOO/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("http/1.1", "GET /plain http/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("HTtP/1.1", "GET /plain HTtP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("HTTP/1.", "GET /plain HTTP/1.\r\nHost: x\r\n\r\n", "400"),
        Probe("HTTP/1.10", "GET /plain HTTP/1.10\r\nHost: x\r\n\r\n", "400"),
        Probe("HTTP/11", "GET /plain HTTP/11\r\nHost: x\r\n\r\n", "400"),
        Probe("no version", "GET /plain\r\n\r\n", "400"),
        Probe("an empty version", "GET /plain \r\n\r\n", "400"),
        Probe("a space after the version", "GET /plain HTTP/1.1 \r\nHost: x\r\n\r\n", "400"),
        Probe("CR after the version", "GET /plain HTTP/1.1\r\r\nHost: x\r\n\r\n", "400"),
        Probe("a parenthesis in the method", "G(T /plain HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("no method", " /plain HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe(
            "a method of 32 characters",
            "\(String(repeating: "M", count: 32)) / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\(String(repeating: "M", count: 32)) /"
        ),
        Probe("a method of 33 characters", "\(String(repeating: "M", count: 33)) / HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("a method of its own", "BREW /plain HTTP/1.1\r\nHost: x\r\n\r\n", "BREW /plain"),
        Probe("a method in lower case", "get /plain HTTP/1.1\r\nHost: x\r\n\r\n", "get /plain"),
        Probe("two spaces", "GET  /plain HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("a tab for a space", "GET\t/plain HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("absolute form", "GET http://x/plain?a=1 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /plain?a=1"),
        Probe("absolute form, https, no path", "GET HTTPS://x:8443?a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /?a"),
        Probe("absolute form without host", "GET http:///plain HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("absolute form with a port only", "GET http://:80/plain HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("absolute form with a user", "GET http://u@x/plain HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("another scheme", "GET ftp://x/plain HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("authority form", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("asterisk form", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS *"),
        Probe("asterisk for another method", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("a target without a slash", "GET plain HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("a fragment", "GET /plain#a HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("non-ASCII in the target", "GET /é HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("NUL in the target", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("DEL in the target", "GET /\u{7F} HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        Probe("an empty query", "GET /plain? HTTP/1.1\r\nHost: x\r\n\r\n", "GET /plain?"),
        Probe("one empty line first", "\r\n" + get, "GET /plain"),
        Probe("an empty line between", get + "\r\n" + get, "GET /plain, GET /plain"),
        Probe("two empty lines first", "\r\n\r\n" + get, "400"),
        Probe("Expect: 100-continue", post("Expect: 100-Continue\r\nContent-Length: 13\r\n"), taken),
        Probe("Expect: magic", get("Expect: magic\r\n"), "417"),
        Probe("Upgrade: h2c", get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), "GET /plain"),
        Probe("100 fields", get(String(repeating: "X: 1\r\n", count: 99)), "GET /plain"),
        Probe("101 fields", get(String(repeating: "X: 1\r\n", count: 100)), "431"),
        Probe("64 KiB of a field", get("X: \(String(repeating: "a", count: 65536))\r\n"), "431"),
        Probe("20 KiB of a target", "GET /\(String(repeating: "a", count: 20000)) HTTP/1.1\r\nHost: x\r\n\r\n", "414"),
    ]

    @Test(arguments: probes)
    func `a message is understood in the one strict way or refused`(probe: Probe) {
        #expect(Reading(probe.bytes).summary == probe.outcome)
        // Byte by byte, what is refused may be refused sooner, but never for less.
        #expect(Reading(probe.bytes, cuts: Array(1..<probe.bytes.count)).summary == probe.outcome)
    }

    @Test(arguments: [
        ("\u{16}\u{03}\u{01}", "a TLS handshake"), (" ", "a space"), ("\r\r", "no line"), ("GET / HTTP/1.1\n", "LF"),
        ("GET / HTTP/1.1\r\nHost: x\n", "LF later"), ("\r\n\r", "a second empty line"),
    ])
    func `what can never become a request is refused before it is complete`(text: String, name: String) {
        #expect(Reading(text).refusal?.status == .badRequest)
    }

    @Test func `a line that is too long is refused before it ends`() {
        #expect(Reading(String(repeating: "A", count: 8 * 1024 + 44)).refusal == nil)
        #expect(Reading(String(repeating: "A", count: 8 * 1024 + 45)).refusal?.status == .uriTooLong)
        #expect(
            Reading("GET / HTTP/1.1\r\nX: \(String(repeating: "a", count: 16 * 1024))").refusal?.status
                == .headersTooLarge
        )
    }

    @Test(arguments: [
        ("1.1", "", true), ("1.1", "Connection: close\r\n", false), ("1.1", "Connection: Close\r\n", false),
        ("1.1", "Connection: keep-alive , close\r\n", false), ("1.1", "Connection: closed\r\n", true),
        ("1.1", "Connection: close\r\nConnection: keep-alive\r\n", false), ("1.1", "Connection: ,,\r\n", true),
        ("1.0", "", false), ("1.0", "Connection: keep-alive\r\n", true), ("1.0", "Connection: Keep-Alive, x\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false), ("1.0", "Connection: close, keep-alive\r\n", false),
        ("1.0", "Connection: close\r\nConnection: keep-alive\r\n", false),
    ])
    func `a connection stays by default in HTTP 1_1 and on demand in 1_0 and close is the last word`(
        version: String,
        fields: String,
        isKeptAlive: Bool
    ) throws {
        let reading = Reading("GET / HTTP/\(version)\r\nHost: x\r\n\(fields)\r\n")
        #expect(try #require(reading.requests.first).isKeptAlive == isKeptAlive)
    }

    @Test(arguments: [("1.1", true), ("1.0", false)])
    func `only a client of HTTP 1_1 can wait for 100`(version: String, awaits: Bool) throws {
        var reader = MessageReader(limits: RequestLimits())
        var used = 0
        let head = Array("POST / HTTP/\(version)\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".utf8)
        guard case .needInput = try reader.read(head.span, used: &used, bodyBytesMax: { _ in 2 }) else {
            Issue.record("a body came from nowhere")
            return
        }
        #expect(used == head.count)
        #expect(reader.isInBody)
        #expect(reader.awaitsContinue == awaits)
        _ = try reader.read([UInt8(ascii: "a")].span, used: &used, bodyBytesMax: { _ in 2 })
        #expect(!reader.awaitsContinue, "the body is on its way")
        #expect(reader.heldByteCount == head.count + 1)
        _ = try reader.read([UInt8(ascii: "b")].span, used: &used, bodyBytesMax: { _ in 2 })
        #expect(!reader.isInBody)
        #expect(reader.heldByteCount == 0)
    }

    @Test(arguments: [
        ("Content-Length: 6\r\n\r\nabcdef"), ("Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n"),
    ])
    func `a body may be as large as the handler says and not a byte larger`(rest: String) {
        let text = "POST / HTTP/1.1\r\nHost: x\r\n" + rest
        #expect(Reading(text, bodyBytesMax: 6).summary == "POST / \"abcdef\"")
        #expect(Reading(text, bodyBytesMax: 5).refusal == .bodyTooLarge(bytesMax: 5))
    }

    @Test func `chunks that fit one by one are refused when they do not fit together`() {
        let text = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
        #expect(Reading(text, bodyBytesMax: 5).refusal == .bodyTooLarge(bytesMax: 5))
    }

    @Test func `fields keep their order and their names and lose the space around their values`() throws {
        let reading = Reading("GET / HTTP/1.1\r\nHOST: \t x\t \r\nb:2\r\nA: 1 , 1\r\nb:\r\n\r\n")
        #expect(try #require(reading.requests.first).fields == ["HOST: x", "b: 2", "A: 1 , 1", "b: "])
    }

    @Test(arguments: [(4096, true), (4097, false)])
    func `extensions and trailers together are bounded`(count: Int, isTaken: Bool) {
        // Each counts from its first byte to its CR: "a" and CR, "T:" and CR, frame what is repeated here.
        let extra = String(repeating: "e", count: 2000)
        let trailer = String(repeating: "t", count: count - 2000 - 5)
        let text = Self.chunked("1;a\(extra)\r\nx\r\n0\r\nT:\(trailer)\r\n\r\n")
        #expect((Reading(text).refusal == nil) == isTaken)
    }
}
