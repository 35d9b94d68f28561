/// One `--name` a command understands, and the environment variables that can stand in for it.
///
/// The declaration is the only place that knows the option: parsing, help, completion and the settings report read it.
package struct Option: Sendable {
    package enum Kind: Sendable, Equatable {
        /// Off unless given.
        case flag
        /// `--name` turns it on, `--no-name` off.
        case toggle(default: Bool)
        case value(_ placeholder: String, default: String? = nil)
    }

    package static let help = Option("help", .flag, aliases: ["h"], help: "Show help and exit.")
    package static let version = Option("version", .flag, help: "Show the version and exit.")

    package let name: String
    package let kind: Kind
    /// Other names: `o` for `-o`, or what an option was called before.
    package let aliases: [String]
    /// Variables that are read when the option is absent; the first that is set and not empty wins.
    package let environment: [String]
    package let isRepeatable: Bool
    /// Its value is never shown, neither in a report nor in an error.
    package let isSecret: Bool
    package let completion: Completion
    package let help: String

    package init(
        _ name: String,
        _ kind: Kind,
        aliases: [String] = [],
        environment: [String] = [],
        isRepeatable: Bool = false,
        isSecret: Bool = false,
        completion: Completion = .none,
        help: String
    ) {
        self.name = name
        self.kind = kind
        self.aliases = aliases
        self.environment = environment
        self.isRepeatable = isRepeatable
        self.isSecret = isSecret
        self.completion = completion
        self.help = help
    }

    var label: String { "--\(name)" }
    var takesValue: Bool { if case .value = kind { true } else { false } }
    /// The name that turns a toggle off.
    var negation: String? { if case .toggle = kind { "no-\(name)" } else { nil } }
    /// What may stand after the dashes.
    var names: [String] { [name] + aliases + [negation].compactMap(\.self) }

    var defaultValue: String? {
        switch kind {
        case .flag: "false"
        case .toggle(let isOn): String(isOn)
        case .value(_, let text): text
        }
    }

    /// The ways to write it that are worth showing: a lone letter with one dash, the rest with two.
    var spellings: [String] {
        aliases.filter { $0.utf8.count == 1 }.map { "-\($0)" } + [name, negation].compactMap(\.self).map { "--\($0)" }
    }
}

/// What a shell can offer for a value.
package enum Completion: Sendable, Equatable {
    case none, file, folder
    /// These and no others: the parser refuses the rest.
    case choices([String])

    var choices: [String] { if case .choices(let choices) = self { choices } else { [] } }
}
