/// A value with where it came from, which reads itself as a type or says what it should have been.
package struct Setting: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        case commandLine
        case environment(String)
        case defaultValue
    }

    package let text: String
    package let source: Source
    /// `--port`, or a positional's name.
    let label: String
    let isSecret: Bool
    let command: String

    /// The error that refuses this value, for rules that only the caller knows; `expected` follows "must be".
    package func refused(expected: String, hint: String? = nil) -> UsageError {
        let shown = isSecret ? "what was given" : text.quoted
        let name =
            switch source {
            case .commandLine: label
            case .environment(let variable): "environment variable \(variable)"
            case .defaultValue: "the default of \(label)"
            }
        return UsageError(message: "\(name) must be \(expected), not \(shown)", hint: hint, command: command)
    }

    package func integer(in range: ClosedRange<Int> = Int.min...Int.max) throws(UsageError) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw refused(expected: "a whole number" + Self.bounds(range, Int.min...Int.max, spelled: String.init))
        }
        return number
    }

    /// Reads `500ms`, `10s`, `2m`, `24h`, `7d`, or several of them: `1m30s`.
    ///
    /// A bare number is refused: every tool guesses another unit.
    package func duration(
        in range: ClosedRange<Duration> = .zero ... .seconds(Int.max)
    ) throws(UsageError) -> Duration {
        guard let duration = Self.duration(text), range.contains(duration) else {
            let limits = Self.bounds(range, .zero ... .seconds(Int.max)) { "\($0)" }
            let hint = Int(text).map { "A number needs its unit: \($0)s or \($0)ms." }
            throw refused(expected: "a duration such as 500ms, 10s or 2m" + limits, hint: hint)
        }
        return duration
    }

    /// Reads a number of bytes: `4096`, `512KiB`, `1MiB` (powers of 1024) or `1MB` (powers of 1000).
    package func byteCount(in range: ClosedRange<Int> = 0...Int.max) throws(UsageError) -> Int {
        guard let count = Self.byteCount(text), range.contains(count) else {
            let limits = Self.bounds(range, 0...Int.max) { "\($0)" }
            throw refused(expected: "a size such as 4096, 512KiB or 1MiB" + limits)
        }
        return count
    }

    /// Reads one case of an enumeration by its raw value.
    package func choice<Choice>(_: Choice.Type = Choice.self) throws(UsageError) -> Choice
    where Choice: RawRepresentable<String> & CaseIterable {
        guard let choice = Choice(rawValue: text) else { throw refused(unlessOneOf: Choice.allCases.map(\.rawValue)) }
        return choice
    }

    package func boolean() throws(UsageError) -> Bool {
        switch text.lowercased() {
        case "1", "true", "yes", "on": true
        case "0", "false", "no", "off": false
        default: throw refused(expected: "1, true, yes or on, or else 0, false, no or off")
        }
    }

    func refused(unlessOneOf choices: [String]) -> UsageError {
        refused(
            expected: choices.count == 1 ? choices[0] : "one of " + choices.joined(separator: ", "),
            hint: isSecret ? nil : didYouMean(text, among: choices)
        )
    }

    private static func bounds<Bound>(
        _ range: ClosedRange<Bound>,
        _ all: ClosedRange<Bound>,
        spelled: (Bound) -> String
    ) -> String {
        switch (range.lowerBound == all.lowerBound, range.upperBound == all.upperBound) {
        case (true, true): ""
        case (false, true): ", at least \(spelled(range.lowerBound))"
        case (true, false): ", at most \(spelled(range.upperBound))"
        case (false, false): " from \(spelled(range.lowerBound)) to \(spelled(range.upperBound))"
        }
    }

    private static func duration(_ text: String) -> Duration? {
        let units = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        var rest = Substring(text)
        var total = 0
        repeat {
            guard let (number, unit) = measure(&rest), let milliseconds = units[unit] else { return nil }
            let (product, isTooLarge) = number.multipliedReportingOverflow(by: milliseconds)
            let (sum, isOver) = total.addingReportingOverflow(product)
            guard !isTooLarge, !isOver else { return nil }
            total = sum
        } while !rest.isEmpty
        return .milliseconds(total)
    }

    private static func byteCount(_ text: String) -> Int? {
        let units = [
            "": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
            "kb": 1000, "mb": 1_000_000, "gb": 1_000_000_000, "tb": 1_000_000_000_000,
        ]
        var rest = Substring(text)
        guard let (number, unit) = measure(&rest), rest.isEmpty, let bytes = units[unit.lowercased()] else {
            return nil
        }
        let (product, isTooLarge) = number.multipliedReportingOverflow(by: bytes)
        return isTooLarge ? nil : product
    }

    /// Takes digits and the letters after them off the front.
    private static func measure(_ rest: inout Substring) -> (Int, unit: String)? {
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        let unit = rest.dropFirst(digits.count).prefix { $0.isASCII && $0.isLetter }
        rest = rest[unit.endIndex...]
        return Int(digits).map { ($0, String(unit)) }
    }
}
