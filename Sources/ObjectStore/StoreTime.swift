/// A point in time as a store's clock gives it.
package struct StoreTime: Sendable, Hashable, Comparable {
    package let unixMilliseconds: Int64

    package init(unixMilliseconds: Int64) { self.unixMilliseconds = unixMilliseconds }

    package static func < (one: Self, other: Self) -> Bool { one.unixMilliseconds < other.unixMilliseconds }

    package static func + (time: Self, duration: Duration) -> Self {
        let (seconds, attoseconds) = duration.components
        return Self(unixMilliseconds: time.unixMilliseconds + seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }

    /// The time from `other` to `self`.
    package func since(_ other: Self) -> Duration { .milliseconds(unixMilliseconds - other.unixMilliseconds) }
}

// MARK: Reading

extension StoreTime {
    /// The form of `Date` and `Last-Modified`: `Sun, 06 Nov 1994 08:49:37 GMT`.
    ///
    /// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>
    package init?(httpDate text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 29, text.hasSuffix(" GMT"), let month = Self.months.firstIndex(of: Array(bytes[8..<11]))
        else { return nil }
        var fields = Fields(bytes)
        guard Self.weekdays.contains(Array(bytes[0..<3])), fields.matches(",", at: 3), fields.matches(" ", at: 4),
            let day = fields.number(5, 2), fields.matches(" ", at: 7), fields.matches(" ", at: 11),
            let year = fields.number(12, 4), fields.matches(" ", at: 16)
        else { return nil }
        self.init(year, month + 1, day, timeOfDay: &fields, at: 17, milliseconds: 0)
    }

    /// The form of listings: `2009-10-12T17:50:30Z`, with any number of digits behind the second.
    package init?(iso8601 text: String) {
        let bytes = Array(text.utf8)
        var fields = Fields(bytes)
        guard bytes.count >= 20, let year = fields.number(0, 4), fields.matches("-", at: 4),
            let month = fields.number(5, 2), fields.matches("-", at: 7), let day = fields.number(8, 2),
            fields.matches("T", at: 10), bytes.last == UInt8(ascii: "Z")
        else { return nil }
        var milliseconds: Int64 = 0
        let fraction = bytes[19..<(bytes.count - 1)]
        if !fraction.isEmpty {
            let digits = fraction.dropFirst()
            guard fraction.first == UInt8(ascii: "."), !digits.isEmpty, digits.allSatisfy(Fields.isDigit) else {
                return nil
            }
            for place in 0..<3 {
                let digit = place < digits.count ? digits[digits.startIndex + place] - UInt8(ascii: "0") : 0
                milliseconds = milliseconds * 10 + Int64(digit)
            }
        }
        self.init(year, month, day, timeOfDay: &fields, at: 11, milliseconds: milliseconds)
    }

    private init?(_ year: Int, _ month: Int, _ day: Int, timeOfDay: inout Fields, at place: Int, milliseconds: Int64) {
        guard let hour = timeOfDay.number(place, 2), timeOfDay.matches(":", at: place + 2),
            let minute = timeOfDay.number(place + 3, 2), timeOfDay.matches(":", at: place + 5),
            let second = timeOfDay.number(place + 6, 2), hour < 24, minute < 60, second < 61
        else { return nil }
        let days = Self.days(year, month, day)
        // A date that does not exist comes back as another one.
        guard (1...12).contains(month), Self.date(days) == (year, month, day) else { return nil }
        let seconds = Int64(days) * 86400 + Int64(hour * 3600 + minute * 60 + second)
        self.init(unixMilliseconds: seconds * 1000 + milliseconds)
    }

    private struct Fields {
        let bytes: [UInt8]
        init(_ bytes: [UInt8]) { self.bytes = bytes }

        static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

        func number(_ place: Int, _ count: Int) -> Int? {
            let digits = bytes[place..<(place + count)]
            guard digits.allSatisfy(Self.isDigit) else { return nil }
            return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        }

        func matches(_ character: Unicode.Scalar, at place: Int) -> Bool { bytes[place] == UInt8(ascii: character) }
    }
}

// MARK: Writing

extension StoreTime {
    /// `20130524T000000Z`, as SigV4 wants it; the first eight characters are the day.
    var compact: String {
        let (year, month, day, hour, minute, second) = fields
        return pad(year, 4) + pad(month, 2) + pad(day, 2) + "T" + pad(hour, 2) + pad(minute, 2) + pad(second, 2) + "Z"
    }

    /// `2013-05-24T00:00:00Z`, with milliseconds where there are any.
    package var iso8601: String {
        let (year, month, day, hour, minute, second) = fields
        let milliseconds = Int((unixMilliseconds % 1000 + 1000) % 1000)
        let fraction = milliseconds == 0 ? "" : ".\(pad(milliseconds, 3))"
        return
            "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(hour, 2)):\(pad(minute, 2)):\(pad(second, 2))\(fraction)Z"
    }

    /// `Fri, 24 May 2013 00:00:00 GMT`.
    package var httpDate: String {
        let (year, month, day, hour, minute, second) = fields
        let weekday = (Self.days(year, month, day) % 7 + 11) % 7  // the first day of 1970 was a Thursday
        return String(decoding: Self.weekdays[weekday], as: UTF8.self) + ", \(pad(day, 2)) "
            + String(decoding: Self.months[month - 1], as: UTF8.self)
            + " \(pad(year, 4)) \(pad(hour, 2)):\(pad(minute, 2)):\(pad(second, 2)) GMT"
    }

    private var fields: (Int, Int, Int, Int, Int, Int) {
        let seconds = Int((unixMilliseconds - (unixMilliseconds % 1000 + 1000) % 1000) / 1000)
        let second = (seconds % 86400 + 86400) % 86400
        let (year, month, day) = Self.date((seconds - second) / 86400)
        return (year, month, day, second / 3600, second / 60 % 60, second % 60)
    }

    private func pad(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}

// MARK: The calendar

extension StoreTime {
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"].map { Array($0.utf8) }
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ].map { Array($0.utf8) }

    /// Days from 1970-01-01 to a date of the Gregorian calendar.
    ///
    /// - SeeAlso: <https://howardhinnant.github.io/date_algorithms.html>
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146097 + dayOfEra - 719468
    }

    private static func date(_ days: Int) -> (Int, Int, Int) {
        let days = days + 719468
        let era = (days >= 0 ? days : days - 146096) / 146097
        let dayOfEra = days - era * 146097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}
