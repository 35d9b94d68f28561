import Foundation
import Logging
import TestSupport
import Testing

@Suite struct LogLineTests {
    private func object(_ line: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    @Test func `a JSON line holds the time, the severity, the message and the fields`() throws {
        let before = Date()
        let text = try logged(.json) { logger in
            logger.log(.warning, "something happened") { fields in
                fields.add("name", "value")
                fields.add("count", -7)
                fields.add("ms", nanoseconds: 1_234_567)
            }
        }
        #expect(text.hasSuffix("}\n") && text.filter { $0 == "\n" }.count == 1)
        let object = try object(text)
        #expect(object.count == 6)
        #expect(object["severity"] as? String == "WARNING")
        #expect(object["message"] as? String == "something happened")
        #expect(object["name"] as? String == "value")
        #expect(object["count"] as? Int == -7)
        #expect(object["ms"] as? Double == 1.234)
        let time = try #require(object["time"] as? String)
        #expect(try /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/.wholeMatch(in: time) != nil)
        let date = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(time)
        #expect(abs(date.timeIntervalSince(before)) < 60)
    }

    /// What a client may put into a path, a header or a title.
    static let hostile: [String] = [
        "", " ", "plain", "\"", "\\", "a b", "x=y", "\n", "\r\n{\"severity\":\"ERROR\"}", "\0", "\t", "\u{1B}[31mred",
        "\u{1B}]0;title\u{7}", "\u{7F}", "\u{85}", "\u{9B}31m", "\u{2028}\u{2029}", "\u{202E}txt.exe",
        "\u{2066}a\u{2069}",
        "\u{200F}", "\u{1F9F6}", "\u{FFFD}", String(UnicodeScalar(0x8)) + "back",
        String(repeating: "long", count: 5000),
    ]

    @Test(arguments: hostile)
    func `a JSON line is one line of JSON, whatever a client sends`(value: String) throws {
        let text = try logged(.json) { $0.log(.info, "request") { $0.add("path", value) } }
        #expect(text.utf8.filter { $0 == UInt8(ascii: "\n") }.count == 1)
        #expect(text.utf8.dropLast().allSatisfy { $0 >= 0x20 })
        #expect((try object(text)["path"] as? String).map { Array($0.utf8) } == Array(value.utf8))
    }

    @Test(arguments: hostile)
    func `a line for people is one line, and moves nobody's cursor`(value: String) throws {
        let text = try logged(.text(isColored: false)) { $0.log(.info, "request") { $0.add("path", value) } }
        #expect(text.hasSuffix("\n"))
        for scalar in text.unicodeScalars.dropLast() {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: Issue.record("U+\(String(scalar.value, radix: 16))")
            default: #expect(!(0x202A...0x202E).contains(scalar.value) && !(0x2066...0x2069).contains(scalar.value))
            }
        }
    }

    @Test(
        arguments: [
            ("plain", "plain"), ("/a?b=c", "/a?b=c"), ("", "\"\""), ("a b", "\"a b\""), ("a\"b", #""a\"b""#),
            ("a\nb", #""a\nb""#), ("\u{1B}[2J", #""\u001b[2J""#), ("\u{9B}2J", "\"\u{FFFD}2J\""),
        ]
    )
    func `a value is quoted where it needs to be`(value: String, expected: String) throws {
        let text = try logged(.text(isColored: false)) { $0.log(.error, "what") { $0.add("key", value) } }
        #expect(text.hasSuffix(" ERROR what key=\(expected)\n"))
        #expect(try /\d\d:\d\d:\d\d\.\d{3} ERROR .*\n/.wholeMatch(in: text) != nil)
    }

    @Test func `colours are there only when asked for`() throws {
        for isColored in [false, true] {
            let text = try logged(.text(isColored: isColored)) { $0.log(.info, "a") { $0.add("b", 1) } }
            #expect(text.contains("\u{1B}[") == isColored)
        }
        #expect(try !logged(.json) { $0.log(.info, "a") }.contains("\u{1B}"))
    }

    @Test(
        arguments: [
            (0, "0.000"), (999, "0.000"), (1000, "0.001"), (1_000_000, "1.000"), (-5, "0.000"),
            (61_234_567_890, "61234.567"),
        ]
            as [(Int64, String)]
    )
    func `a duration is milliseconds with three decimals in both formats`(nanoseconds: Int64, expected: String) throws {
        for format in [LogFormat.json, .text(isColored: false)] {
            let text = try logged(format) { $0.log(.info, "a") { $0.add("ms", nanoseconds: nanoseconds) } }
            #expect(text.contains("ms=\(expected)\n") || text.contains("\"ms\":\(expected)}"))
        }
    }

    @Test(arguments: LogLevel.allCases)
    func `what matters less than the level is not written, nor even put together`(level: LogLevel) throws {
        var asked: [LogLevel] = []
        let text = try logged(.json, level: level) { logger in
            for each in LogLevel.allCases { logger.log(each, "a") { _ in asked.append(each) } }
        }
        #expect(asked == LogLevel.allCases.filter { $0 >= level })
        #expect(text.split(separator: "\n").count == asked.count)
    }

    @Test func `lines of many threads come whole, and those of one thread in order`() async throws {
        let pipe = try LogPipe()
        let logger = Logger(level: .info, format: .json, descriptor: pipe.writing)
        let read = pipe.startReading()
        await withTaskGroup { group in
            for thread in 0..<8 {
                group.addTask {
                    for number in 0..<500 {
                        logger.log(.info, "a") { fields in
                            fields.add("thread", Int64(thread))
                            fields.add("number", Int64(number))
                        }
                    }
                }
            }
        }
        logger.close(within: .seconds(60))
        pipe.closeWriting()
        var next = [Int](repeating: 0, count: 8)
        for line in read().split(separator: "\n") {
            let object = try object(String(line))
            let thread = try #require(object["thread"] as? Int)
            #expect(object["number"] as? Int == next[thread])
            next[thread] += 1
        }
        #expect(next == Array(repeating: 500, count: 8))
    }
}
