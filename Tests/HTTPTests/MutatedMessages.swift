import Glibc

/// Messages that are nearly right, always the same for the same seed.
struct MutatedMessages {
    /// What a run prints when it fails; `HTTP_FUZZ_SEED` gives the same run again.
    let seed: UInt64
    private var state: UInt64

    init() {
        let given = getenv("HTTP_FUZZ_SEED").flatMap { UInt64(String(cString: $0)) }
        seed = given ?? UInt64.random(in: 0...UInt64.max)
        state = seed
    }

    private static let messages = [
        "GET /plain?a=1 HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"title\":\"t\"}",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nd;x=y\r\n{\"title\":\"t\"}\r\n0\r\nT: v\r\n\r\n",
        "HEAD /tasks/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET http://x/plain?a=1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\naGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost:x:80\r\n\r\n\r\nDELETE /tasks/1 HTTP/1.1\r\nHost:\r\n\r\n",
    ].map { Array($0.utf8) }
    private static let pieces =
        [
            "\r\n", "\n", "\r", "\0", ":", " ", "\t", ",", "/", "?", "#", ";", "Content-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n", "Connection: close\r\n", "Host: y\r\n",
            "Upgrade: h2c\r\n", "0\r\n\r\n", "0", "99999999999999999999", "HTTP/1.1", "\r\n\r\n",
            String(repeating: "A", count: 300),
        ].map { Array($0.utf8) } + [[0xFF], [0x80], [0x7F], [0x0B]]

    mutating func next() -> [UInt8] {
        var bytes = Self.messages[below(Self.messages.count)]
        for _ in 0..<below(4) {
            let index = below(bytes.count + 1)
            switch below(10) {
            case 0..<4: bytes.insert(contentsOf: Self.pieces[below(Self.pieces.count)], at: index)
            case 4..<7: bytes.removeSubrange(index..<min(bytes.count, index + 1 + below(12)))
            default: if index < bytes.count { bytes[index] = UInt8(below(256)) }
            }
        }
        return bytes
    }

    /// Up to four places to cut a message.
    mutating func cuts(_ count: Int) -> [Int] {
        (0..<1 + below(4)).map { _ in below(count + 1) }.sorted()
    }

    /// SplitMix64: the same everywhere, unlike the system's generator.
    private mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ value >> 31) % UInt64(bound))
    }
}
