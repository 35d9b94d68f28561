import Domain
import Glibc
import TestSupport
import Testing

@Suite struct TimestampTests {
    private static func parse(_ text: String) -> Timestamp? { Timestamp(Array(text.utf8).span) }

    @Test(
        arguments: [
            (0, "1970-01-01 00:00:00"), (-1, "1969-12-31 23:59:59"), (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"), (1_659_246_320, "2022-07-31 05:45:20"),
            (2_147_483_648, "2038-01-19 03:14:08"), (4_107_542_400, "2100-03-01 00:00:00"),
            (-2_203_891_200, "1900-03-01 00:00:00"), (-62_162_121_600, "0000-02-29 00:00:00"),
            (-62_167_219_200, "0000-01-01 00:00:00"), (253_402_300_799, "9999-12-31 23:59:59"),
        ] as [(Int64, String)]
    )
    func `seconds and text stand for the same moment`(seconds: Int64, text: String) {
        #expect(Timestamp(secondsSinceEpoch: seconds).text == text)
        #expect(Self.parse(text) == Timestamp(secondsSinceEpoch: seconds))
        #expect(Self.parse(text)?.text == text)
    }

    @Test(
        arguments: [
            (-62_167_219_201, "0000-01-01 00:00:00"), (.min, "0000-01-01 00:00:00"),
            (253_402_300_800, "9999-12-31 23:59:59"), (.max, "9999-12-31 23:59:59"),
        ] as [(Int64, String)]
    )
    func `what four digits cannot write is clamped`(seconds: Int64, text: String) {
        #expect(Timestamp(secondsSinceEpoch: seconds).text == text)
    }

    @Test func `the C library writes the same text, for any moment of ten thousand years`() {
        var random = SeededGenerator(seed: 20_260_101)
        for _ in 0..<50_000 {
            let seconds = Int64.random(in: -62_167_219_200...253_402_300_799, using: &random)
            var time = time_t(seconds)
            var calendar = tm()
            gmtime_r(&time, &calendar)
            var buffer = [CChar](repeating: 0, count: 32)
            strftime(&buffer, buffer.count, "%m-%d %H:%M:%S", &calendar)
            let year = String(Int(calendar.tm_year) + 1900 + 10_000).dropFirst()
            let expected = "\(year)-" + String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            let timestamp = Timestamp(secondsSinceEpoch: seconds)
            guard timestamp.text == expected, Self.parse(expected) == timestamp else {
                Issue.record("\(seconds): \(timestamp.text), not \(expected)")
                return
            }
        }
    }

    @Test func `a day exists if and only if its year has it`() {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        for year in [1600, 1700, 1900, 1999, 2000, 2001, 2004, 2023, 2024, 2100, 2400] {
            let isLeap = [1600, 2000, 2004, 2024, 2400].contains(year)
            for (index, length) in lengths.enumerated() {
                let last = index == 1 && isLeap ? 29 : length
                let month = index < 9 ? "0\(index + 1)" : "\(index + 1)"
                #expect(Self.parse("\(year)-\(month)-\(last) 12:00:00") != nil)
                #expect(Self.parse("\(year)-\(month)-\(last + 1) 12:00:00") == nil)
            }
        }
    }

    @Test(
        arguments: [
            "", "2022", "2022-07-31", "2022-07-31 05:45", "2022-07-31 05:45:2", "2022-07-31 05:45:200",
            "2022-07-31T05:45:20", "2022-07-31 05:45:20Z", "2022/07/31 05:45:20", "2022-07-31 05.45.20",
            "2022-00-31 05:45:20", "2022-13-31 05:45:20", "2022-07-00 05:45:20", "2022-07-32 05:45:20",
            "2022-07-31 24:00:00", "2022-07-31 05:60:00", "2022-07-31 05:45:60", "202a-07-31 05:45:20",
            "+022-07-31 05:45:20", "2022-07-31 05:45:-1", "2022-7-031 05:45:20", " 022-07-31 05:45:20",
            "2022-07-31 05:45:2\u{661}", "::::-::-:: ::::::::", "2022-07-3/ 05:45:20",
        ]
    )
    func `anything but such a text is no time`(text: String) {
        #expect(Self.parse(text) == nil)
    }

    @Test func `no bytes at all make it crash, and what it takes it writes back`() {
        var random = SeededGenerator(seed: 7)
        var taken = 0
        for _ in 0..<30_000 {
            var bytes = Array("2022-07-31 05:45:20".utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<19, using: &random)
                bytes[index] =
                    Bool.random(using: &random) ? UInt8.random(in: 0x30...0x39, using: &random) : random.next()
            }
            guard let timestamp = Timestamp(bytes.span) else { continue }
            taken += 1
            #expect(Array(timestamp.text.utf8) == bytes)
        }
        #expect(taken > 1000)
    }

    @Test func `times are ordered as moments`() {
        let moments = [Int64.min, -1, 0, 1, 1_659_246_320, .max].map(Timestamp.init(secondsSinceEpoch:))
        for (index, moment) in moments.enumerated() {
            for (otherIndex, other) in moments.enumerated() {
                #expect((moment < other) == (index < otherIndex))
                #expect((moment == other) == (index == otherIndex))
            }
        }
        #expect(moments.map(\.text).sorted() == moments.map(\.text))
    }
}
