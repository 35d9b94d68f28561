import Foundation
import JSON
import TestSupport
import Testing

@Suite struct JSONWriterTests {
    private static func decode(_ writer: JSONWriter) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(writer.bytes), options: .fragmentsAllowed)
    }

    private static func text(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func `commas stand between, and nowhere else`() {
        let text = Self.text { json in
            json.beginObject()
            json.key("empty")
            json.beginArray()
            json.endArray()
            json.key("nested")
            json.beginArray()
            json.beginObject()
            json.endObject()
            json.beginArray()
            json.integer(1)
            json.null()
            json.endArray()
            json.bool(true)
            json.bool(false)
            json.endArray()
            json.key("ab")
            json.string("c")
            json.key("plain")
            json.plain("word")
            json.key("bytes")
            json.plain { $0.append(UInt8(ascii: "x")) }
            json.endObject()
        }
        #expect(
            text == #"{"empty":[],"nested":[{},[1,null],true,false],"ab":"c","plain":"word","bytes":"x"}"#
        )
    }

    @Test func `lines are values of their own`() {
        let text = Self.text { json in
            for number in 1...2 {
                json.beginObject()
                json.key("n")
                json.integer(Int64(number))
                json.endObject()
                json.newline()
            }
        }
        #expect(text == "{\"n\":1}\n{\"n\":2}\n")
    }

    @Test(arguments: [0, 1, -1, 9, 10, -10, 99, 100, 1_000_000, .max, .min, .max - 1, .min + 1] as [Int64])
    func `an integer is written in full`(value: Int64) {
        #expect(Self.text { $0.integer(value) } == String(value))
    }

    @Test func `any integer is written as Swift writes it`() {
        var random = SeededGenerator(seed: 3)
        for shift in 0..<64 {
            for _ in 0..<50 {
                let value = Int64(bitPattern: random.next() >> shift)
                #expect(Self.text { $0.integer(value) } == String(value))
            }
        }
    }

    @Test(
        arguments: [
            (0, 3, "0.000"), (1, 3, "0.001"), (999, 3, "0.999"), (1000, 3, "1.000"), (12_345, 3, "12.345"),
            (12_345, 0, "12345"), (7, 1, "0.7"), (.max, 3, "18446744073709551.615"), (.max, 0, "18446744073709551615"),
            (.max, 19, "1.8446744073709551615"),
        ] as [(UInt64, Int, String)]
    )
    func `decimals are as many as were asked for`(value: UInt64, decimals: Int, expected: String) {
        #expect(Self.text { $0.fixed(value, decimals: decimals) } == expected)
    }

    @Test func `every character of Unicode comes back from Foundation's decoder`() throws {
        // All control characters, both sides of the surrogates, U+2028, the astral planes: everything there is.
        let scalars = [0...0xD7FF, 0xE000...0x10_FFFF].joined().compactMap { Unicode.Scalar(UInt32($0)) }
        for start in stride(from: 0, to: scalars.count, by: 4096) {
            let text = String(String.UnicodeScalarView(scalars[start..<min(start + 4096, scalars.count)]))
            var writer = JSONWriter()
            writer.string(text)
            let decoded = try #require(try Self.decode(writer) as? String)
            #expect(decoded.unicodeScalars.elementsEqual(text.unicodeScalars), "from \(start)")
        }
    }

    @Test func `what is written is one line of printable ASCII and UTF-8`() {
        for value in 0..<0x80 {
            let text = Self.text { $0.string(String(UnicodeScalar(UInt8(value)))) }
            #expect(text.utf8.allSatisfy { $0 >= 0x20 })
        }
        #expect(
            Self.text { $0.string("\u{8}\t\n\u{C}\r\"\\/\u{0}\u{1F}\u{7F}") }
                == #""\b\t\n\f\r\"\\/\u0000\u001f\#u{7F}""#
        )
    }

    /// One byte after the other, as the standard says: what the writer does with eight at a time must be the same.
    private static func escaped(_ bytes: [UInt8]) -> String {
        var text = "\""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case "\u{8}": text += "\\b"
            case "\t": text += "\\t"
            case "\n": text += "\\n"
            case "\u{C}": text += "\\f"
            case "\r": text += "\\r"
            case "\0"..<" ": text += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    private static func written(_ bytes: [UInt8]) -> (asText: String, asBytes: String) {
        (text { $0.string(String(decoding: bytes, as: UTF8.self)) }, text { $0.string(utf8: bytes.span) })
    }

    @Test func `what needs an escape is found wherever it stands, and whatever stands beside it`() {
        for length in 0...26 {
            for position in 0..<max(length, 1) {
                for special in [nil, 0, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x5B, 0x5C, 0x5D, 0x7F, 0x80, 0xC3] as [UInt8?] {
                    for neighbour in [0x20, 0x61, 0x21] as [UInt8] {
                        var bytes = [UInt8](repeating: neighbour, count: length)
                        if let special, length > 0 { bytes[position] = special }
                        let written = Self.written(bytes)
                        guard written == (Self.escaped(bytes), Self.escaped(bytes)) else {
                            Issue.record("\(bytes): \(written)")
                            return
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `any bytes become the string that Swift makes of them`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let highest: UInt8 = [0x7F, 0xFF, 0x23].randomElement(using: &random) ?? 0xFF
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0...highest, using: &random)
            }
            let written = Self.written(bytes)
            guard written == (Self.escaped(bytes), Self.escaped(bytes)) else {
                Issue.record("\(bytes): \(written)")
                return
            }
        }
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `what is written, however it nests, Foundation reads back as it was meant`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var writer = JSONWriter(capacity: 0)
        let meant = Self.writeValue(&writer, depth: 0, &random)
        #expect(try JSONDecoder().decode(Tree.self, from: Data(writer.bytes)) == meant)
        #expect(throws: Never.self) { try JSONSyntax.check(writer.bytes.span) }
    }

    /// Writes some value, and says what it is.
    private static func writeValue(
        _ json: inout JSONWriter,
        depth: Int,
        _ random: inout SeededGenerator
    ) -> Tree {
        switch Int.random(in: depth > 6 ? 2...6 : 0...6, using: &random) {
        case 0:
            json.beginArray()
            let values = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                writeValue(&json, depth: depth + 1, &random)
            }
            json.endArray()
            return .array(values)
        case 1:
            json.beginObject()
            var members: [String: Tree] = [:]
            for key in ["a", "", "longer than eight bytes", "b c"].shuffled(using: &random).prefix(3) {
                switch key {
                case "a": json.key("a")
                case "": json.key("")
                case "b c": json.key("b c")
                default: json.key("longer than eight bytes")
                }
                members[key] = writeValue(&json, depth: depth + 1, &random)
            }
            json.endObject()
            return .object(members)
        case 2:
            json.null()
            return .null
        case 3:
            let value = Bool.random(using: &random)
            json.bool(value)
            return .bool(value)
        case 4:
            let value = Int64(bitPattern: random.next())
            json.integer(value)
            return .integer(value)
        default:
            let value = someText(&random)
            if Bool.random(using: &random) { json.string(value) } else { json.string(utf8: value.utf8.span) }
            return .text(Array(value.utf8))
        }
    }

    private static func someText(_ random: inout SeededGenerator) -> String {
        var scalars = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...20, using: &random) {
            let ranges: [ClosedRange<UInt32>] = [0...0x1F, 0x20...0x7F, 0x80...0xFFFF, 0x1_0000...0x10_FFFF]
            let range = ranges.randomElement(using: &random) ?? 0...0x7F
            if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) { scalars.append(scalar) }
        }
        return String(scalars)
    }
}

/// Any JSON that the tests write.
private enum Tree: Decodable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case text([UInt8])
    case array([Tree])
    case object([String: Tree])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let integer = try? value.decode(Int64.self) {
            self = .integer(integer)
        } else if let text = try? value.decode(String.self) {
            self = .text(Array(text.utf8))
        } else if let array = try? value.decode([Tree].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: Tree].self))
        }
    }
}
