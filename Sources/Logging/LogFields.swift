internal import JSON

/// The fields of one log line, in the format that was asked for.
package struct LogFields {
    private let format: LogFormat
    private var json: JSONWriter
    private var text: [UInt8] = []

    init(_ format: LogFormat, _ level: LogLevel, _ message: StaticString) {
        self.format = format
        switch format {
        case .json:
            json = JSONWriter(capacity: 384)
            json.beginObject()
            json.key("time")
            json.plain { WallClock.now.appendDateAndTime(to: &$0) }
            json.key("severity")
            json.plain(level.severity)
            json.key("message")
            json.plain(message)
        case .text(let isColored):
            json = JSONWriter(capacity: 0)
            WallClock.now.appendTime(to: &text)
            append(" \(level.severity) ", color: isColored ? level.color : nil)
            append(message.description, color: isColored ? "1" : nil)
        }
    }

    package mutating func add(_ key: StaticString, _ value: String) {
        switch format {
        case .json:
            json.key(key)
            json.string(value)
        case .text: append(key, quotedIfNeeded(value))
        }
    }

    package mutating func add(_ key: StaticString, _ value: Int64) {
        switch format {
        case .json:
            json.key(key)
            json.integer(value)
        case .text: append(key, String(value))
        }
    }

    /// A duration, written in milliseconds with three decimals.
    package mutating func add(_ key: StaticString, nanoseconds: Int64) {
        let microseconds = UInt64(max(0, nanoseconds)) / 1000
        switch format {
        case .json:
            json.key(key)
            json.fixed(microseconds, decimals: 3)
        case .text: append(key, "\(microseconds / 1000).\(String(microseconds % 1000 + 1000).dropFirst())")
        }
    }

    mutating func line() -> [UInt8] {
        switch format {
        case .json:
            json.endObject()
            json.newline()
            return json.bytes
        case .text:
            text.append(UInt8(ascii: "\n"))
            return text
        }
    }

    private mutating func append(_ key: StaticString, _ value: String) {
        guard case .text(let isColored) = format else { return }
        append(" \(key)=", color: isColored ? "2" : nil)
        text.append(contentsOf: value.utf8)
    }

    /// Appends to a line for people; `color` is the parameter of the terminal's SGR sequence.
    private mutating func append(_ part: String, color: StaticString?) {
        guard let color else { return text.append(contentsOf: part.utf8) }
        text.append(contentsOf: "\u{1B}[\(color)m\(part)\u{1B}[0m".utf8)
    }

    /// What a client sent must not move the cursor of whoever reads the log.
    private func quotedIfNeeded(_ value: String) -> String {
        let isPlain = value.unicodeScalars.allSatisfy { $0.value > 0x20 && !isControl($0) && $0 != "\"" }
        guard !isPlain || value.isEmpty else { return value }
        var quoted = JSONWriter(capacity: value.utf8.count + 2)
        // JSON escapes the first 32; a terminal obeys the others too.
        quoted.string(String(String.UnicodeScalarView(value.unicodeScalars.map { isControl($0) ? "\u{FFFD}" : $0 })))
        return String(decoding: quoted.bytes, as: UTF8.self)
    }

    /// What moves a cursor, ends a line or turns the direction of writing around.
    private func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x7F...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
