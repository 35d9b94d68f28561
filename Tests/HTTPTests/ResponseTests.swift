import HTTP
import Testing

struct ResponseTests {
    private func text(
        _ response: Response,
        isHead: Bool = false,
        _ persistence: ResponseEncoder.Persistence = .stays
    ) -> String {
        var output: [UInt8] = []
        let date = Array("Date: now\r\n".utf8)
        ResponseEncoder.append(response, to: &output, date: date, isHead: isHead, persistence: persistence)
        return String(decoding: output, as: UTF8.self)
    }

    private let hello = Response(.ok, type: "text/plain", body: Array("hello".utf8))

    @Test func `an answer has its status its fields its length and its body`() {
        let expected = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: now\r\nContent-Length: 5\r\n\r\nhello"
        #expect(text(hello) == expected)
    }

    @Test func `the answer to HEAD is that to GET without the body`() {
        #expect(text(hello, isHead: true) + "hello" == text(hello))
    }

    @Test func `what becomes of the connection is said where the client could think otherwise`() {
        #expect(!text(hello).contains("Connection"))
        #expect(text(hello, .closes).contains("\r\nConnection: close\r\n\r\nhello"))
        #expect(text(hello, .staysForHTTP10).contains("\r\nConnection: keep-alive\r\n\r\nhello"))
    }

    @Test func `an answer without content has neither length nor body`() {
        let response = Response(.noContent, body: Array("smuggled".utf8))
        #expect(text(response) == "HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n")
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 101, 12_345])
    func `the length is the body's in decimal`(count: Int) {
        let response = Response(.ok, body: Array(repeating: 0, count: count))
        #expect(text(response).contains("\r\nContent-Length: \(count)\r\n\r\n"))
    }

    @Test(arguments: [
        ("plain", "plain"), ("a\r\nSet-Cookie: b", "aSet-Cookie: b"), ("a\nb", "ab"), ("a\rb", "ab"), ("a\0b", "ab"),
        ("a\u{7F}b", "ab"), ("a\tb", "a\tb"), ("é", "é"), ("\r\n\r\n<html>", "<html>"), ("", ""),
    ])
    func `no value can start a line of its own`(value: String, sent: String) {
        var response = Response(.ok)
        response.add("X", value)
        let expected = "HTTP/1.1 200 OK\r\nX: \(sent)\r\nDate: now\r\nContent-Length: 0\r\n\r\n"
        // As bytes: to a String, CR LF is one character.
        #expect(Array(text(response).utf8) == Array(expected.utf8))
    }

    @Test(arguments: [
        (Refusal.malformed("x"), 400), (.targetTooLong(bytesMax: 1), 414),
        (.headersTooLarge(bytesMax: 1, fieldsMax: 1), 431),
        (.bodyTooLarge(bytesMax: 1), 413), (.unknownExpectation, 417), (.unknownTransferEncoding, 501),
        (.unknownVersion, 505), (.timedOut, 408), (.overloaded("x"), 503),
    ])
    func `every refusal has the status that RFC 9110 gives it and a sentence`(refusal: Refusal, status: Int) {
        #expect(refusal.status.code == status)
        #expect(refusal.detail.hasSuffix("."))
    }
}
