/// Values as Litestream writes them.
enum ConfigurationValue {
    /// What is wrong with a value, following on its key; nothing for an empty one, which means the default.
    static func problem(_ text: String, _ kind: ConfigurationKey.Kind) -> String? {
        guard !text.isEmpty, text != "~", text != "null" else { return nil }
        switch kind {
        case .text, .section: return nil
        case .integer: return Int(text) == nil ? "must be a whole number" : nil
        case .flag: return flag(text) == nil ? "must be true or false" : nil
        case .byteCount: return byteCount(text) == nil ? "must be a size such as 5MB or 16MiB" : nil
        case .duration:
            if Double(text) != nil, text != "0" {
                return "needs a unit: is \(text) meant as \(text)s? Litestream would take it for nanoseconds"
            }
            return duration(text) != nil ? nil : "must be a duration such as 500ms, 10s, 5m or 24h"
        }
    }

    static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }

    static func byteCount(_ text: String) -> Int? {
        let units = [
            "": 1, "b": 1, "kb": 1000, "mb": 1_000_000, "gb": 1_000_000_000, "k": 1 << 10, "m": 1 << 20,
            "g": 1 << 30, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
        ]
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        guard let number = Int(digits), let factor = units[unit] else { return nil }
        let (count, isTooLarge) = number.multipliedReportingOverflow(by: factor)
        return isTooLarge ? nil : count
    }

    /// Go's form: numbers with units, one after the other, such as `1h30m` or `1.5s`.
    static func duration(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        let units: [Substring: Double] = [
            "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600,
        ]
        let isNegative = text.hasPrefix("-")
        var rest = isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]
        var seconds = 0.0
        repeat {
            let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let number = Double(number), let unit = units[unit] else { return nil }
            seconds += number * unit
        } while !rest.isEmpty
        // Three hundred years, as in Go.
        guard seconds < 1e10 else { return nil }
        return .seconds(isNegative ? -seconds : seconds)
    }
}
