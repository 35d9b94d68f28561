/// One `--name` a command understands, and the environment variables that can stand in for it.
///
/// The declaration is the only place that knows the option: parsing, help, completion and the settings report read it.
package struct Option: Sendable {
    package enum Kind: Sendable, Equatable {
        /// Off unless given.
        case flag
        /// `--name` turns it on, `--no-name` off.
        case toggle
        case value(placeholder: String)
    }

    package let name: String
    /// Other names: `o` for `-o`, or what an option was called before.
    package let aliases: [String]
    package let kind: Kind
    /// Variables that are read when the option is absent; the first that is set and not empty wins.
    package let environment: [String]
    package let defaultValue: String?
    package let isRepeatable: Bool
    /// Its value is never shown, neither in a report nor in an error.
    package let isSecret: Bool
    package let completion: Completion
    package let help: String

    package static func flag(
        _ name: String,
        aliases: [String] = [],
        environment: [String] = [],
        help: String
    ) -> Self {
        Self(name, .flag, aliases, environment, defaultValue: "false", help: help)
    }

    package static func toggle(
        _ name: String,
        aliases: [String] = [],
        environment: [String] = [],
        default isOn: Bool,
        help: String
    ) -> Self {
        Self(name, .toggle, aliases, environment, defaultValue: String(isOn), help: help)
    }

    package static func value(
        _ name: String,
        _ placeholder: String,
        aliases: [String] = [],
        environment: [String] = [],
        default defaultValue: String? = nil,
        isRepeatable: Bool = false,
        isSecret: Bool = false,
        completion: Completion = .none,
        help: String
    ) -> Self {
        Self(
            name,
            .value(placeholder: placeholder),
            aliases,
            environment,
            defaultValue: defaultValue,
            isRepeatable: isRepeatable,
            isSecret: isSecret,
            completion: completion,
            help: help
        )
    }

    package static let help = flag("help", aliases: ["h"], help: "Show help and exit.")
    package static let version = flag("version", help: "Show the version and exit.")

    private init(
        _ name: String,
        _ kind: Kind,
        _ aliases: [String],
        _ environment: [String],
        defaultValue: String?,
        isRepeatable: Bool = false,
        isSecret: Bool = false,
        completion: Completion = .none,
        help: String
    ) {
        self.name = name
        self.aliases = aliases
        self.kind = kind
        self.environment = environment
        self.defaultValue = defaultValue
        self.isRepeatable = isRepeatable
        self.isSecret = isSecret
        self.completion = completion
        self.help = help
    }

    var label: String { "--\(name)" }
    var takesValue: Bool { if case .value = kind { true } else { false } }
    /// What may stand after the dashes.
    var names: [String] { [name] + aliases + (kind == .toggle ? ["no-\(name)"] : []) }

    /// The ways to write it that are worth showing: a lone letter with one dash, the rest with two.
    var spellings: [String] {
        aliases.filter { $0.utf8.count == 1 }.map { "-\($0)" } + [label] + (kind == .toggle ? ["--no-\(name)"] : [])
    }
}

/// What a shell can offer for a value.
package enum Completion: Sendable, Equatable {
    case none, file, folder
    /// These and no others: the parser refuses the rest.
    case choices([String])

    var choices: [String] { if case .choices(let choices) = self { choices } else { [] } }
}
