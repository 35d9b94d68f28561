@testable import HTTP
import Testing

struct ASCIITests {
    private static let digits = "0123456789"
    private static let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

    @Test func `a token has the characters of RFC 9110 and no others`() {
        let token = Set("!#$%&'*+-.^_`|~\(Self.digits)\(Self.letters)".utf8)
        for byte in UInt8.min...UInt8.max { #expect(ASCII.isToken(byte) == token.contains(byte), "\(byte)") }
    }

    @Test func `a field value has all but control characters`() {
        for byte in UInt8.min...UInt8.max {
            #expect(ASCII.isFieldValue(byte) == (byte == 9 || byte >= 32 && byte != 127), "\(byte)")
        }
    }

    @Test func `a host has the characters of RFC 3986 and no others`() {
        let host = Set("-._~%!$&'()*+,;=:[]\(Self.digits)\(Self.letters)".utf8)
        for byte in UInt8.min...UInt8.max { #expect(ASCII.isHost(byte) == host.contains(byte), "\(byte)") }
    }

    @Test func `hex digits have their values`() {
        for byte in UInt8.min...UInt8.max {
            let text = String(UnicodeScalar(byte))
            #expect(ASCII.hexValue(byte) == (byte < 0x80 && text != "+" && text != "-" ? Int(text, radix: 16) : nil))
        }
    }

    @Test(arguments: [
        ("Host", true), ("HOST", true), ("host", true), ("hos", false), ("hosts", false), ("h\u{0F}st", false),
    ])
    func `words are compared without regard to case`(word: String, isEqual: Bool) {
        #expect(Self.isEqual(word, "host") == isEqual)
    }

    @Test func `case is folded for letters only`() {
        // "[" and "{" differ in the same bit as letters of different case do.
        #expect(!Self.isEqual("[", "{"))
    }

    private static func isEqual(_ text: String, _ word: StaticString) -> Bool {
        let bytes = Array(text.utf8)
        return ASCII.isEqual(bytes.span, bytes.indices, word)
    }
}
