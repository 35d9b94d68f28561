/// A moment in UTC, to the second, as SQLite's `datetime()` writes it: `2022-07-31 05:45:20`.
///
/// It is kept as these 19 characters, because that is how it comes out of the database and goes to the client: a list
/// copies it, and needs no calendar.
package struct Timestamp: Sendable, Equatable, Comparable {
    private var characters: InlineArray<19, UInt8>

    private static let secondsPerDay: Int64 = 86_400
    private static let range: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

    /// Clamped to the years that four digits can write.
    package init(secondsSinceEpoch: Int64) {
        let seconds = min(max(secondsSinceEpoch, Self.range.lowerBound), Self.range.upperBound)
        var days = seconds / Self.secondsPerDay
        var second = Int(seconds % Self.secondsPerDay)
        if second < 0 {
            second += Int(Self.secondsPerDay)
            days -= 1
        }
        let (year, month, day) = Self.civil(days)
        characters = InlineArray(repeating: UInt8(ascii: "-"))
        characters[10] = UInt8(ascii: " ")
        characters[13] = UInt8(ascii: ":")
        characters[16] = UInt8(ascii: ":")
        for (index, number) in [
            (0, year / 100), (2, year % 100), (5, month), (8, day), (11, second / 3600), (14, second / 60 % 60),
            (17, second % 60),
        ] {
            characters[index] = UInt8(ascii: "0") + UInt8(number / 10)
            characters[index + 1] = UInt8(ascii: "0") + UInt8(number % 10)
        }
    }

    /// Nil if the bytes are not exactly such a text, or name a day or hour that does not exist.
    package init?(_ text: Span<UInt8>) {
        guard text.count == 19, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
            text[10] == UInt8(ascii: " "), text[13] == UInt8(ascii: ":"), text[16] == UInt8(ascii: ":"),
            let century = Self.number(text, 0), let yearOfCentury = Self.number(text, 2),
            let month = Self.number(text, 5), let day = Self.number(text, 8),
            let hour = Self.number(text, 11), let minute = Self.number(text, 14), let second = Self.number(text, 17)
        else { return nil }
        guard (1...12).contains(month), hour < 24, minute < 60, second < 60 else { return nil }
        guard day >= 1, day <= Self.dayCount(century * 100 + yearOfCentury, month) else { return nil }
        characters = InlineArray { text[$0] }
    }

    package static func == (left: Self, right: Self) -> Bool { !(left < right) && !(right < left) }

    /// The order of the texts is the order of the times.
    package static func < (left: Self, right: Self) -> Bool {
        for index in left.characters.indices where left.characters[index] != right.characters[index] {
            return left.characters[index] < right.characters[index]
        }
        return false
    }

    /// Appends the 19 characters.
    @inline(__always)
    package func append(to bytes: inout [UInt8]) {
        unsafe characters.span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    package var text: String {
        unsafe characters.span.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    private static func number(_ text: Span<UInt8>, _ index: Int) -> Int? {
        let tens = text[index] &- UInt8(ascii: "0")
        let ones = text[index + 1] &- UInt8(ascii: "0")
        return tens < 10 && ones < 10 ? Int(tens) * 10 + Int(ones) : nil
    }

    private static func dayCount(_ year: Int, _ month: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Howard Hinnant's `civil_from_days`: years start in March, so a leap day comes last, and all eras of 400 years have
    /// 146,097 days.
    ///
    /// - SeeAlso: <https://howardhinnant.github.io/date_algorithms.html>
    private static func civil(_ days: Int64) -> (year: Int, month: Int, day: Int) {
        let days = days + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (Int(year), Int(month), Int(dayOfYear - (153 * shifted + 2) / 5 + 1))
    }
}
