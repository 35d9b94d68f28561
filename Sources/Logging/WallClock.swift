internal import Glibc

/// What the clock on the wall shows, in UTC.
struct WallClock {
    private let time: timespec
    private let calendar: tm

    static var now: WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var calendar = tm()
        gmtime_r(&time.tv_sec, &calendar)
        return WallClock(time: time, calendar: calendar)
    }

    /// RFC 3339, to the millisecond.
    func appendDateAndTime(to bytes: inout [UInt8]) {
        Self.append(Int(calendar.tm_year) + 1900, digits: 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Self.append(Int(calendar.tm_mon) + 1, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Self.append(Int(calendar.tm_mday), digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: "T"))
        appendTime(to: &bytes)
        bytes.append(UInt8(ascii: "Z"))
    }

    /// Hours to milliseconds.
    func appendTime(to bytes: inout [UInt8]) {
        Self.append(Int(calendar.tm_hour), digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Self.append(Int(calendar.tm_min), digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Self.append(Int(calendar.tm_sec), digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: "."))
        Self.append(time.tv_nsec / 1_000_000, digits: 3, to: &bytes)
    }

    private static func append(_ number: Int, digits: Int, to bytes: inout [UInt8]) {
        var scale = 1
        for _ in 1..<digits { scale *= 10 }
        while scale > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(number / scale % 10))
            scale /= 10
        }
    }
}
