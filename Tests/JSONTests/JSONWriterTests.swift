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
            json.key("a" + "b")
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

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `what is written, however it nests, Foundation reads back as it was meant`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var writer = JSONWriter(capacity: 0)
        let meant = Self.writeValue(&writer, depth: 0, &random)
        #expect(try Self.decode(writer) as? NSObject == meant)
        #expect(throws: Never.self) { try JSONSyntax.check(writer.bytes.span) }
    }

    /// Writes some value, and says what it is.
    private static func writeValue(
        _ json: inout JSONWriter,
        depth: Int,
        _ random: inout SeededGenerator
    ) -> NSObject {
        switch Int.random(in: depth > 6 ? 2...6 : 0...6, using: &random) {
        case 0:
            json.beginArray()
            let values = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                writeValue(&json, depth: depth + 1, &random)
            }
            json.endArray()
            return values as NSArray
        case 1:
            json.beginObject()
            var members: [String: NSObject] = [:]
            for number in 0..<Int.random(in: 0...5, using: &random) {
                let key = "\(number)" + someText(&random)
                json.key(key)
                members[key] = writeValue(&json, depth: depth + 1, &random)
            }
            json.endObject()
            return members as NSDictionary
        case 2:
            json.null()
            return NSNull()
        case 3:
            let value = Bool.random(using: &random)
            json.bool(value)
            return value as NSNumber
        case 4:
            let value = Int64(bitPattern: random.next())
            json.integer(value)
            return value as NSNumber
        default:
            let value = someText(&random)
            json.string(value)
            return value as NSString
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
