import HTTP
import Testing

@testable import APIRoutes

@Suite struct AddressBlockTests {
    @Test(
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.1.2.3/8", "10.9.9.9", true),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "::1", false), ("2001:db8::/32", "2001:db8:ffff::1", true), ("::1", "::1", true),
            ("2001:db8::/64", "2001:db8:0:1::1", false), ("::/0", "10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.1.1.1", true), ("10.0.0.128/25", "10.0.0.127", false),
        ] as [(String, String, Bool)]
    )
    func `a block holds the addresses that share its first bits`(block: String, host: String, isIn: Bool) throws {
        let block = try #require(AddressBlock(block))
        #expect(block.contains(try #require(PeerAddress.Host(host))) == isIn)
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/+8", "a", "10.0.0.0/8/8", "[::1]",
    ])
    func `what is no block is none`(text: String) {
        #expect(AddressBlock(text) == nil)
    }
}

@Suite struct ForwardedAddressTests {
    private func client(_ peer: String, _ fields: String..., trusting: String...) throws -> String {
        let peer = PeerAddress(host: try #require(PeerAddress.Host(peer)), port: 1)
        let request = try request(
            "GET /",
            "X-Other: 1",
            fields.map { "X-Forwarded-For: \($0)" }.joined(separator: "\r\n")
        )
        return ForwardedAddress.client(of: request, from: peer, trusting.compactMap { AddressBlock($0) }).description
    }

    @Test func `the nearest address that is no trusted proxy is the client`() throws {
        #expect(try client("10.0.0.1", "198.51.100.7", trusting: "10.0.0.0/8") == "198.51.100.7")
        #expect(try client("10.0.0.1", "198.51.100.7, 10.0.0.2", trusting: "10.0.0.0/8") == "198.51.100.7")
        #expect(try client("10.0.0.1", "203.0.113.9, 198.51.100.7", trusting: "10.0.0.0/8") == "198.51.100.7")
        #expect(
            try client("10.0.0.1", "203.0.113.9", "198.51.100.7,10.0.0.2", trusting: "10.0.0.0/8") == "198.51.100.7"
        )
        #expect(try client("10.0.0.1", "10.0.0.3, 10.0.0.2", trusting: "10.0.0.0/8") == "10.0.0.3")
    }

    @Test func `who is no trusted proxy is the client, whatever he says`() throws {
        #expect(try client("203.0.113.9", "198.51.100.7", trusting: "10.0.0.0/8") == "203.0.113.9")
        #expect(try client("203.0.113.9", "10.0.0.1", trusting: "10.0.0.0/8") == "203.0.113.9")
    }

    @Test func `what is no address ends the search at the proxy that let it through`() throws {
        #expect(try client("10.0.0.1", "198.51.100.7, unknown, 10.0.0.2", trusting: "10.0.0.0/8") == "10.0.0.2")
        #expect(try client("10.0.0.1", "", trusting: "10.0.0.0/8") == "10.0.0.1")
    }

    @Test func `ports and brackets are taken off`() throws {
        #expect(try client("10.0.0.1", "198.51.100.7:4711", trusting: "10.0.0.0/8") == "198.51.100.7")
        #expect(try client("10.0.0.1", "[2001:db8::7]:4711", trusting: "10.0.0.0/8") == "2001:db8::7")
        #expect(try client("::1", "2001:db8::7", trusting: "::1") == "2001:db8::7")
    }
}

@Suite struct RateLimitTests {
    private let start = ContinuousClock.now

    private func host(_ text: String) throws -> PeerAddress.Host { try #require(PeerAddress.Host(text)) }

    @Test func `so many at once, then one for each share of the minute`() throws {
        let limit = RateLimit(perMinute: 6)
        let host = try host("192.0.2.1")
        for _ in 0..<6 { #expect(limit.take(host, at: start) == nil) }
        #expect(limit.take(host, at: start) == 10)
        #expect(limit.take(host, at: start + .milliseconds(9001)) == 1)
        #expect(limit.take(host, at: start + .seconds(10)) == nil)
        #expect(limit.take(host, at: start + .seconds(10)) == 10)
        #expect(limit.take(host, at: start + .seconds(600)) == nil)
    }

    @Test func `whoever waits as long as he is told gets through`() throws {
        let limit = RateLimit(perMinute: 7)
        let host = try host("192.0.2.1")
        var now = start
        for _ in 0..<100 {
            guard let wait = limit.take(host, at: now) else { continue }
            #expect(wait >= 1)
            now += .seconds(wait)
            #expect(limit.take(host, at: now) == nil)
        }
    }

    @Test func `addresses count apart, and those of one IPv6 network together`() throws {
        let limit = RateLimit(perMinute: 1)
        #expect(limit.take(try host("192.0.2.1"), at: start) == nil)
        #expect(limit.take(try host("192.0.2.2"), at: start) == nil)
        #expect(limit.take(try host("2001:db8::1"), at: start) == nil)
        #expect(limit.take(try host("2001:db8::ffff:0:1"), at: start) != nil)
        #expect(limit.take(try host("2001:db8:0:1::1"), at: start) == nil)
    }

    @Test func `more clients than there is room for share one allowance, until others are even`() throws {
        let limit = RateLimit(perMinute: 1, clientsMax: 2)
        #expect(limit.take(try host("192.0.2.1"), at: start) == nil)
        #expect(limit.take(try host("192.0.2.2"), at: start) == nil)
        #expect(limit.take(try host("192.0.2.3"), at: start) == nil)
        #expect(limit.take(try host("192.0.2.4"), at: start) != nil)
        #expect(limit.take(try host("192.0.2.4"), at: start + .seconds(61)) == nil)
        #expect(limit.take(try host("192.0.2.3"), at: start + .seconds(61)) == nil)
    }
}

@Suite struct AccessTokensTests {
    @Test func `a file has tokens, comments and tokens that only read`() throws {
        var tokens = AccessTokens()
        try tokens.add(fileContents: "# ours\n\n  0123456789abcdef\r\nread-only fedcba9876543210\n")
        let cases: [(String, AccessTokens.Verdict)] = [
            ("Bearer 0123456789abcdef", .granted), ("bearer 0123456789abcdef", .granted),
            ("Bearer fedcba9876543210", .grantedReading), ("Bearer 0123456789abcdeF", .wrong), ("Bearer", .wrong),
            ("0123456789abcdef", .wrong), ("Bearer 0123456789abcdef ", .granted), ("Token 0123456789abcdef", .wrong),
            ("Basic OjAxMjM0NTY3ODlhYmNkZWY=", .grantedReading), ("Basic OmE=", .wrong), ("Basic ?", .wrong),
        ]
        for (field, verdict) in cases {
            #expect(tokens.check(try request("GET /", "Authorization: \(field)")) == verdict, "\(field)")
        }
        #expect(tokens.check(try request("GET /")) == .missing)
    }

    @Test(arguments: [
        "short", "0123456789abcde\u{E9}", "a b c", "read-only", "read-only short", "write 0123456789abcdef",
    ])
    func `what could be guessed or is no token is refused, and not shown`(line: String) throws {
        let error = try #require(throws: AccessTokens.Unusable.self) {
            var tokens = AccessTokens()
            try tokens.add(fileContents: "\n\(line)")
        }
        #expect(error.description.hasPrefix("line 2"))
        #expect(!error.description.contains("0123456789"))
    }
}
