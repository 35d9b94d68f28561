/// How much a log line matters.
package enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    case debug, info, warning, error

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// The words that log collectors know (Google Cloud's `severity`).
    var severity: StaticString {
        switch self {
        case .debug: "DEBUG"
        case .info: "INFO"
        case .warning: "WARNING"
        case .error: "ERROR"
        }
    }

    /// The parameter of a terminal's SGR sequence.
    var color: StaticString {
        switch self {
        case .debug: "2"
        case .info: "36"
        case .warning: "33"
        case .error: "31"
        }
    }
}

/// How log lines look.
package enum LogFormat: Sendable {
    /// One JSON object a line, for collectors.
    case json
    /// For people.
    case text(isColored: Bool)
}

/// Writes log lines: a message that never varies, and fields that do.
package struct Logger: Sendable {
    private let level: LogLevel
    private let format: LogFormat
    private let sink: LogSink

    package init(level: LogLevel, format: LogFormat, descriptor: Int32) {
        self.level = level
        self.format = format
        sink = LogSink(descriptor: descriptor) { droppedCount in
            Self.line(.warning, "log lines were dropped because nobody read them", format) {
                $0.add("count", Int64(droppedCount))
            }
        }
    }

    @inline(__always)
    package func log(_ level: LogLevel, _ message: StaticString, _ fields: (inout LogFields) -> Void = { _ in }) {
        guard level >= self.level else { return }
        sink.write(Self.line(level, message, format, fields))
    }

    /// Writes out what there is; later lines are lost.
    package func close(within limit: Duration) { sink.close(within: limit) }

    private static func line(
        _ level: LogLevel,
        _ message: StaticString,
        _ format: LogFormat,
        _ fields: (inout LogFields) -> Void
    ) -> [UInt8] {
        var record = LogFields(format, level, message)
        fields(&record)
        return record.line()
    }
}
