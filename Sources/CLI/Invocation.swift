/// A command line that was understood: the command, and a value for all that was given, set or has a default.
package struct Invocation: Sendable {
    package let path: CommandPath
    let settings: [String: [Setting]]

    /// The command without the program's name: `migrate latest`.
    package var command: String { path.words.split(separator: " ").dropFirst().joined(separator: " ") }

    /// The value of an option or positional, if there is one.
    package subscript(_ name: String) -> Setting? { all(name).last }

    /// Every value of an option or positional that can be repeated.
    package func all(_ name: String) -> [Setting] {
        precondition(
            path.options.contains { $0.name == name } || path.leaf.positionals.contains { $0.name == name },
            "\(path.words) does not declare \(name)"
        )
        return settings[name] ?? []
    }

    /// Whether a flag is on; what it says was checked when the command line was parsed.
    package func flag(_ name: String) -> Bool { self[name]?.text == "true" }

    /// The value, or an error that says it is required.
    package func required(_ name: String) throws(UsageError) -> Setting {
        if let setting = self[name] { return setting }
        guard let option = path.options.first(where: { $0.name == name }) else {
            throw usageError("\(name) is missing")
        }
        throw usageError(([option.label] + option.environment).joined(separator: " or ") + " is required")
    }

    package func string(_ name: String) throws(UsageError) -> String {
        try required(name).text
    }

    package func integer(_ name: String, in range: ClosedRange<Int> = Int.min...Int.max) throws(UsageError) -> Int {
        try required(name).integer(in: range)
    }

    package func duration(
        _ name: String,
        in range: ClosedRange<Duration> = .zero ... .seconds(Int.max)
    ) throws(UsageError) -> Duration {
        try required(name).duration(in: range)
    }

    package func byteCount(_ name: String, in range: ClosedRange<Int> = 0...Int.max) throws(UsageError) -> Int {
        try required(name).byteCount(in: range)
    }

    package func choice<Choice>(_ name: String, _: Choice.Type = Choice.self) throws(UsageError) -> Choice
    where Choice: RawRepresentable<String> & CaseIterable {
        try required(name).choice()
    }

    /// Wrong use that only the command can see, such as two options that exclude each other.
    package func usageError(_ message: String, hint: String? = nil) -> UsageError {
        UsageError(message: message, hint: hint, command: path.words)
    }

    /// The effective options and where each came from, for people who ask "why is it so"; secrets are masked.
    ///
    /// Only those that are asked for: others, such as `--json`, are requests and no settings.
    package func settingsReport(of options: [Option]) -> Table {
        var table = Table(["setting", "value", "source"])
        for option in options {
            for setting in settings[option.name] ?? [] {
                let value = option.isSecret ? "********" : setting.text
                let source =
                    switch setting.source {
                    case .commandLine: "option"
                    case .environment(let variable): "env \(variable)"
                    case .defaultValue: "default"
                    }
                table.add(.text(option.name), .text(value), .text(source))
            }
            if settings[option.name] == nil { table.add(.text(option.name), .none, .text("not set")) }
        }
        return table
    }
}
