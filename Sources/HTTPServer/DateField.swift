internal import Glibc

/// The `Date` header line, made anew once a second.
struct DateField {
    private var second = 0
    private var line: [UInt8] = []

    mutating func now() -> [UInt8] {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        guard time.tv_sec != second else { return line }
        second = time.tv_sec
        var calendar = tm()
        gmtime_r(&second, &calendar)
        line = withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            buffer.withMemoryRebound(to: CChar.self) { text in
                guard let start = text.baseAddress else { return [] }
                let count = strftime(start, text.count, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &calendar)
                return text.prefix(count).map { UInt8(bitPattern: $0) }
            }
        }
        return line
    }
}
