import Foundation
@testable import JSON
import TestSupport
import Testing

@Suite struct JSONSyntaxTests {
    private static func error(_ bytes: [UInt8]) -> JSONSyntaxError? {
        do throws(JSONSyntaxError) {
            try JSONSyntax.check(bytes.span)
            return nil
        } catch {
            return error
        }
    }

    @Test func `keys are the same only if their bytes are`() throws {
        // Canonically equivalent, so equal as strings: the description of the API allows both, and JSON tells them apart.
        for text in [#"{"\u2002": null, "\u2000": null}"#, "{\"\u{E9}\":1,\"e\u{301}\":2}"] {
            let bytes = Array(text.utf8)
            try JSONSyntax.check(bytes.span)
        }
    }

    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    static let accepted: [String] = [
        "null", "true", "false", "0", "-0", "1", "-1", "1.5", "-0.0", "1e5", "1E+5", "1e-5", "1.5e3",
        "123456789012345678",
        "\"\"", "\" \"", "\"/\"", #""\"\\\/\b\f\n\r\t""#, #""\u0000""#, #""\u00e9\u00E9""#, #""\uD83E\uDDF6""#,
        #""\ud7ff\ue000""#, "\"\u{7F}\"", "\"\u{2028}\u{2029}\"", "\"\u{1F9F6}\"", "\"\u{10FFFF}\"", "\"\u{FEFF}\"",
        "[]", "{}", "[ ]", "{ }", "[1]", "[1,2]", "[[],[[]],{}]", "[null, 1, \"a\", {\"b\": []}]",
        #"{"a":1}"#, #"{"":""}"#, #"{"a":{"b":{"c":[]}}}"#, #"{"a":{"a":{"a":1}},"A":[{"a":1},{"a":2}],"a ":3}"#,
        #"{"\u0061":1}"#, "{\"a\":1,\"b\":[{}]}",
        " \t\r\n1 \t\r\n", "\n[\n1\n,\n2\n]\n", "{\"a\" : 1 , \"b\" : 2}", nested(64),
    ]

    @Test(arguments: accepted)
    func `JSON is accepted, and Foundation decodes it`(text: String) throws {
        #expect(Self.error(Array(text.utf8)) == nil)
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
        _ = try JSONDecoder().decode(Anything.self, from: Data(text.utf8))
    }

    static let refused: [(String, line: Int, column: Int, String)] = [
        ("", 1, 1, "there is nothing here"), (" \n ", 2, 2, "there is nothing here"),
        ("nul", 1, 4, "expected null"), ("nulL", 1, 4, "expected null"), ("True", 1, 1, "expected a value"),
        ("truee", 1, 5, "something follows"), ("NaN", 1, 1, "expected a value"), ("Infinity", 1, 1, "expected a value"),
        ("-Infinity", 1, 2, "expected a digit"), ("undefined", 1, 1, "expected a value"),
        ("01", 1, 2, "a number may not start with 0"), ("-01", 1, 3, "a number may not start with 0"),
        ("+1", 1, 1, "expected a value"), ("-", 1, 2, "expected a digit"), ("--1", 1, 2, "expected a digit"),
        (".5", 1, 1, "expected a value"), ("1.", 1, 3, "expected a digit"), ("1.e5", 1, 3, "expected a digit"),
        ("1e", 1, 3, "expected a digit"), ("1e+", 1, 4, "expected a digit"), ("1ea", 1, 3, "expected a digit"),
        ("0x10", 1, 2, "something follows"), ("1_000", 1, 2, "something follows"), ("1 2", 1, 3, "something follows"),
        ("[1 2]", 1, 4, "expected , or ]"), ("[1,]", 1, 4, "expected a value"), ("[,1]", 1, 2, "expected a value"),
        ("[1", 1, 3, "it ends inside an array"), ("[", 1, 2, "it ends where a value should be"),
        ("[1,", 1, 4, "it ends where a value should be"), ("[1}", 1, 3, "expected , or ]"),
        ("]", 1, 1, "expected a value"),
        ("[]]", 1, 3, "something follows"), ("{", 1, 2, "expected a key"), ("{\"a\"", 1, 5, "expected : after"),
        ("{\"a\":", 1, 6, "it ends where a value"), ("{\"a\":1", 1, 7, "it ends inside an object"),
        ("{\"a\":1,}", 1, 8, "expected a key"), ("{,}", 1, 2, "expected a key"), ("{a:1}", 1, 2, "expected a key"),
        ("{'a':1}", 1, 2, "expected a key"), ("{1:1}", 1, 2, "expected a key"), ("{\"a\" 1}", 1, 6, "expected : after"),
        ("{\"a\":1 \"b\":2}", 1, 8, "expected , or }"), ("{\"a\":1]", 1, 7, "expected , or }"),
        ("}", 1, 1, "expected a value"),
        ("{\n  \"a\": 1,\n  \"b\": oops\n}", 3, 8, "expected a value"),
        ("\"", 1, 2, "it ends inside a string"), ("\"a", 1, 3, "it ends inside a string"),
        ("\"\\", 1, 2, "it ends inside a string"), ("\"\\\"", 1, 4, "it ends inside a string"),
        ("'a'", 1, 1, "expected a value"), ("\"a\nb\"", 1, 3, "a control character"),
        ("\"\t\"", 1, 2, "a control character"),
        ("\"\0\"", 1, 2, "a control character"), ("\"\u{1F}\"", 1, 2, "a control character"),
        (#""\x41""#, 1, 2, "unknown escape"), (#""\'""#, 1, 2, "unknown escape"),
        (#""\U0041""#, 1, 2, "unknown escape"),
        (#""\u00g0""#, 1, 2, "expected four hex digits"), (#""\u00""#, 1, 2, "expected four hex digits"),
        (#""\u"#, 1, 2, "expected four hex digits"), ("\"\\u\u{FF11}111\"", 1, 2, "expected four hex digits"),
        (#""ab\uD83E""#, 1, 4, "half of a surrogate pair"), (#""\uDDF6""#, 1, 2, "half of a surrogate pair"),
        (#""\uD83Ex""#, 1, 2, "half of a surrogate pair"), (#""\uD83E\n""#, 1, 2, "half of a surrogate pair"),
        (#""\uD83E\uD83E""#, 1, 2, "half of a surrogate pair"), (#""\uDDF6\uD83E""#, 1, 2, "half of a surrogate pair"),
        (#""\uD83E\u00""#, 1, 8, "expected four hex digits"),
        ("\u{FEFF}1", 1, 1, "expected a value"), ("\u{A0}1", 1, 1, "expected a value"),
        ("\u{C}1", 1, 1, "expected a value"),
        ("// a\n1", 1, 1, "expected a value"), ("1 /* a */", 1, 3, "something follows"),
        ("1\0", 1, 2, "something follows"),
        (#"{"a":1,"a":2}"#, 1, 8, "this key"), ("{\"a\":1,\n\"b\":2,\n\"a\":1}", 3, 1, "this key"),
        (#"{"a":1,"\u0061":2}"#, 1, 8, "this key"), (#"{"\/":1,"/":2}"#, 1, 9, "this key"),
        (#"{"":1,"":2}"#, 1, 7, "this key"),
        (#"[{"a":{"b\n":1,"b\u000A":2}}]"#, 1, 16, "this key"), (#"{"🧶":1,"\uD83E\uDDF6":2}"#, 1, 11, "this key"),
        (nested(65), 1, 65, "nested deeper"), (String(repeating: "[", count: 1 << 20), 1, 65, "nested deeper"),
        (String(repeating: "{\"a\":", count: 65), 1, 321, "nested deeper"),
    ]

    @Test(arguments: refused.indices)
    func `what is not JSON is refused where it stops being so`(index: Int) throws {
        let (text, line, column, reason) = Self.refused[index]
        let error = try #require(Self.error(Array(text.utf8)), "\(text.prefix(80))")
        #expect(error.line == line && error.column == column, "\(text.prefix(80))")
        #expect(error.reason.hasPrefix(reason), "\(text.prefix(80))")
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82], [0xE2, 0x28, 0xA1], [0xE2, 0x82, 0x28], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0xA7], [0xF0, 0x9F, 0x28, 0xB6],
            [0xF0, 0x9F, 0xA7, 0x28], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        ] as [[UInt8]]
    )
    func `a string that is not UTF-8 is refused at the byte where that begins`(bytes: [UInt8]) throws {
        for tail in [[], Array("\"".utf8), Array("   \"".utf8)] {
            let error = try #require(Self.error(Array("\"ab".utf8) + bytes + tail))
            #expect(error == JSONSyntaxError(line: 1, column: 4, reason: "not UTF-8"))
        }
    }

    @Test func `every sequence of UTF-8 is taken as Swift takes it`() {
        // Every first byte, and the others at the edges of what may follow one.
        let edges: [UInt8] = [0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
        for first in 0x80...0xFF as ClosedRange<UInt8> {
            for second in edges {
                for rest in [[]] + edges.map({ [$0] }) + edges.map({ [$0, 0x80] }) + edges.map({ [0x80, $0] }) {
                    let bytes = [first, second] + rest
                    let isText = String(validating: bytes, as: UTF8.self) != nil
                    let isAccepted = Self.error([0x22] + bytes + [0x22]) == nil
                    if isText != isAccepted { Issue.record("\(bytes): \(isAccepted)") }
                }
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `what is accepted of mutated input, Foundation decodes, and what is refused is refused inside of it`(
        seed: UInt64
    ) {
        var random = SeededGenerator(seed: seed)
        let seeds = Self.accepted.map { Array($0.utf8) } + Self.refused.map { Array($0.0.utf8.prefix(200)) }
        let pieces = [UInt8](#"{}[]":,\u0123456789abcdefDBE+-.eE truefalsn/"#.utf8)
        var acceptedCount = 0
        for _ in 0..<500 {
            var bytes = seeds.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let index = Int.random(in: 0...bytes.count, using: &random)
                let byte =
                    Int.random(in: 0..<8, using: &random) == 0
                    ? random.next() : pieces.randomElement(using: &random) ?? 0
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.insert(byte, at: index)
                case 1 where index < bytes.count: bytes[index] = byte
                case 2 where index < bytes.count: bytes.remove(at: index)
                default: bytes.insert(contentsOf: (seeds.randomElement(using: &random) ?? []).prefix(100), at: index)
                }
            }
            if let error = Self.error(bytes) {
                let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                guard lines.indices.contains(error.line - 1),
                    (1...lines[error.line - 1].count + 1).contains(error.column)
                else {
                    Issue.record("\(error) in \(String(decoding: bytes, as: UTF8.self))")
                    continue
                }
            } else {
                acceptedCount += 1
                do {
                    _ = try JSONDecoder().decode(Anything.self, from: Data(bytes))
                } catch {
                    Issue.record("\(error) for \(String(decoding: bytes, as: UTF8.self))")
                }
            }
        }
        #expect(acceptedCount > 20)
    }
}

/// Decodes any JSON, and every part of it.
private struct Anything: Decodable {
    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }

        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        if let object = try? decoder.container(keyedBy: Key.self) {
            for key in object.allKeys { _ = try object.decode(Anything.self, forKey: key) }
        } else if var array = try? decoder.unkeyedContainer() {
            while !array.isAtEnd { _ = try array.decode(Anything.self) }
        } else {
            let value = try decoder.singleValueContainer()
            guard !value.decodeNil(), (try? value.decode(Bool.self)) == nil, (try? value.decode(String.self)) == nil
            else { return }
            // Foundation has no number for 1e999, nor, for reasons of its own, for 0e1. Both are JSON; whoever wants a
            // number must say so.
            _ = try? value.decode(Double.self)
        }
    }
}
