import CHTTPParserOracle
import Testing

/// Debian's http_parser reads the same bytes: it is more lenient, so whatever it refuses must be refused here.
///
/// Where the two may differ:
///
/// | bytes | here | http_parser |
/// | --- | --- | --- |
/// | a method that is a token but in no list | taken, answered 405 by the router | refused |
/// | absolute form `http://x/a` | the path alone, as an origin server uses it | the whole target |
/// | a trailer Content-Length, Transfer-Encoding, Connection or Upgrade | dropped like any | read as a field |
/// | a tab behind Content-Length or Transfer-Encoding | white space (RFC 9110, 5.6.3) | refused |
/// | a name that only starts with Transfer-Encoding | another field | taken for it |
/// | `Upgrade` | ignored: no other protocol is spoken | ends the reading of HTTP |
/// | after `Connection: close` | the server reads no more | reads on |
/// | all that the strictness table of `MessageReaderTests` lists | refused | mostly taken |
struct OracleTests {
    private struct Message {
        let method: String
        let target: String
        let body: [UInt8]
        let isLast: Bool
    }

    private static let time = Duration.seconds(2)

    @Test func `what is accepted http_parser accepts too and understands in the same way`() {
        var messages = MutatedMessages()
        let end = ContinuousClock.now + Self.time
        var comparedCount = 0
        repeat {
            let bytes = messages.next()
            guard let difference = Self.difference(bytes, &comparedCount) else { continue }
            let text = String(decoding: bytes, as: UTF8.self).debugDescription
            Issue.record("HTTP_FUZZ_SEED=\(messages.seed): \(difference) in \(text)")
            return
        } while ContinuousClock.now < end
        #expect(comparedCount > 100, "nothing was compared")
    }

    @Test(arguments: MessageReaderTests.probes)
    func `no probe is accepted in another way than http_parser reads it`(probe: MessageReaderTests.Probe) {
        var comparedCount = 0
        #expect(Self.difference(probe.bytes, &comparedCount) == nil)
    }

    private static func difference(_ bytes: [UInt8], _ comparedCount: inout Int) -> String? {
        if hasFramingTrailer(bytes) || hasTabAtLineEnd(bytes) { return nil }
        let ours = Reading(bytes).requests
        let theirs = messages(bytes)
        for (index, request) in ours.enumerated() {
            if oracle_knows_method(request.method) == 0 || hasLongerTransferEncoding(request) { return nil }
            guard index < theirs.count else { return "http_parser does not take request \(index)" }
            let their = theirs[index]
            if request.method != their.method { return "another method: \(their.method)" }
            if request.body != their.body { return "another body: \(their.body)" }
            if !isSame(request.target, their.target) { return "another target: \(their.target)" }
            comparedCount += 1
            if !request.isKeptAlive || their.isLast { return nil }
        }
        return nil
    }

    private static func isSame(_ target: String, _ their: String) -> Bool {
        if target == their { return true }
        guard their.lowercased().hasPrefix("http") else { return false }
        return their.hasSuffix(target) || target == "/" || target.hasPrefix("/?") && their.hasSuffix(target.dropFirst())
    }

    /// A trailer that http_parser would apply to the message, and so to where the next one starts.
    private static func hasFramingTrailer(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self).lowercased()
        guard let lastChunk = text.firstRange(of: "\r\n0\r\n") else { return false }
        let trailers = text[lastChunk.upperBound...]
        return ["content-length", "transfer-encoding", "connection", "upgrade"].contains(where: trailers.contains)
    }

    private static func hasTabAtLineEnd(_ bytes: [UInt8]) -> Bool {
        zip(bytes, bytes.dropFirst()).contains { $0 == UInt8(ascii: "\t") && $1 == UInt8(ascii: "\r") }
    }

    private static func hasLongerTransferEncoding(_ request: Reading.Seen) -> Bool {
        request.fields.contains {
            let field = $0.lowercased()
            return field.hasPrefix("transfer-encoding") && !field.hasPrefix("transfer-encoding:")
        }
    }

    private static func messages(_ bytes: [UInt8]) -> [Message] {
        var messages: [Message] = []
        withUnsafeMutablePointer(to: &messages) { messages in
            _ = oracle_read(bytes, bytes.count, messages) { context, message in
                guard let context, let message = message?.pointee else { return }
                let target = UnsafeBufferPointer(start: message.target, count: message.target_size)
                let body = UnsafeBufferPointer(start: message.body, count: message.body_size)
                context.assumingMemoryBound(to: [Message].self).pointee.append(
                    Message(
                        method: String(cString: message.method),
                        target: String(decoding: target, as: UTF8.self),
                        body: Array(body),
                        isLast: message.upgrades != 0
                    )
                )
            }
        }
        return messages
    }
}
