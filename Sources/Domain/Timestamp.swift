/// A moment in UTC, to the second, as SQLite's `datetime()` writes it: `2022-07-31 05:45:20`.
package struct Timestamp: Sendable, Hashable, Comparable {
    /// Seconds since 1970; between the years 0000 and 9999.
    package let secondsSinceEpoch: Int64

    private static let secondsPerDay: Int64 = 86_400
    private static let range: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

    /// Clamped to the years that four digits can write.
    package init(secondsSinceEpoch: Int64) {
        self.secondsSinceEpoch = min(max(secondsSinceEpoch, Self.range.lowerBound), Self.range.upperBound)
    }

    /// Nil if the bytes are not exactly such a text, or name a day or hour that does not exist.
    package init?(_ text: Span<UInt8>) {
        guard text.count == 19, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
            text[10] == UInt8(ascii: " "), text[13] == UInt8(ascii: ":"), text[16] == UInt8(ascii: ":"),
            let century = Self.number(text, 0), let yearOfCentury = Self.number(text, 2),
            let month = Self.number(text, 5), let day = Self.number(text, 8),
            let hour = Self.number(text, 11), let minute = Self.number(text, 14), let second = Self.number(text, 17)
        else { return nil }
        let year = century * 100 + yearOfCentury
        guard (1...12).contains(month), day >= 1, hour < 24, minute < 60, second < 60 else { return nil }
        guard day <= Self.dayCount(year, month) else { return nil }
        secondsSinceEpoch =
            Self.days(year, month, day) * Self.secondsPerDay + Int64(hour) * 3600 + Int64(minute) * 60 + Int64(second)
    }

    package static func < (left: Self, right: Self) -> Bool { left.secondsSinceEpoch < right.secondsSinceEpoch }

    /// Appends the 19 characters of the text.
    package func append(to bytes: inout [UInt8]) {
        var days = secondsSinceEpoch / Self.secondsPerDay
        var second = secondsSinceEpoch % Self.secondsPerDay
        if second < 0 {
            second += Self.secondsPerDay
            days -= 1
        }
        let (year, month, day) = Self.civil(days)
        Self.append(year / 100, to: &bytes)
        Self.append(year % 100, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Self.append(month, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Self.append(day, to: &bytes)
        bytes.append(UInt8(ascii: " "))
        Self.append(Int(second) / 3600, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Self.append(Int(second) / 60 % 60, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Self.append(Int(second) % 60, to: &bytes)
    }

    package var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(19)
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func number(_ text: Span<UInt8>, _ index: Int) -> Int? {
        let tens = text[index] &- UInt8(ascii: "0")
        let ones = text[index + 1] &- UInt8(ascii: "0")
        return tens < 10 && ones < 10 ? Int(tens) * 10 + Int(ones) : nil
    }

    private static func append(_ number: Int, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "0") + UInt8(number / 10))
        bytes.append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    private static func dayCount(_ year: Int, _ month: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // Howard Hinnant's `days_from_civil` and `civil_from_days`: years start in March, so a leap day comes last, and
    // eras of 400 years all have 146,097 days. See <https://howardhinnant.github.io/date_algorithms.html>.

    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
        let year = Int64(month <= 2 ? year - 1 : year)
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

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
