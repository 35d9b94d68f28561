/// A command as data: what parsing, help and shell completion all read.
///
/// Options are inherited: those of a command work in its subcommands too, before or after their names. `parent:child`
/// is understood wherever `parent child` is, so the old colon forms need no aliases.
package struct Command: Sendable {
    package let name: String
    package let aliases: [String]
    /// One line, for lists of commands.
    package let summary: String
    package let discussion: String
    package let examples: [(line: String, explanation: String)]
    package let options: [Option]
    package let positionals: [Positional]
    package let subcommands: [Command]
    /// The subcommand that runs when none is named.
    package let defaultSubcommand: String?

    package init(
        _ name: String,
        aliases: [String] = [],
        summary: String,
        discussion: String = "",
        examples: [(line: String, explanation: String)] = [],
        options: [Option] = [],
        positionals: [Positional] = [],
        subcommands: [Command] = [],
        defaultSubcommand: String? = nil
    ) {
        self.name = name
        self.aliases = aliases
        self.summary = summary
        self.discussion = discussion
        self.examples = examples
        self.options = options
        self.positionals = positionals
        self.subcommands = subcommands
        self.defaultSubcommand = defaultSubcommand
        checkDeclaration()
    }

    /// `help [COMMAND…]`, for the root's subcommands; the parser answers it itself.
    package static let help = Command(
        "help",
        summary: "Show help for a command.",
        positionals: [Positional("COMMAND", .repeated, help: "The command's name.")]
    )

    var defaultCommand: Command? { defaultSubcommand.flatMap(subcommand(named:)) }

    func subcommand(named word: some StringProtocol) -> Command? {
        subcommands.first { $0.name == word || $0.aliases.contains { $0 == word } }
    }

    /// Whether this command or one below it declares an option of that name.
    func declaresOption(_ name: String) -> Bool {
        options.contains { $0.names.contains(name) } || subcommands.contains { $0.declaresOption(name) }
    }

    /// Stops at a tree that could not be parsed one way only: a mistake of ours, found by any test that builds it.
    private func checkDeclaration() {
        precondition(subcommands.isEmpty || positionals.isEmpty, "\(name): subcommands or positionals, not both")
        precondition(defaultSubcommand == nil || defaultCommand != nil, "\(name): its default subcommand is missing")
        precondition(isUnique(subcommands.flatMap { [$0.name] + $0.aliases }), "\(name): a subcommand is twice there")
        precondition(isUnique(options.flatMap(\.names) + positionals.map(\.name)), "\(name): an option is twice there")
        for option in options.flatMap(\.names) {
            precondition(
                !subcommands.contains { $0.declaresOption(option) },
                "\(name): --\(option) is declared again by a subcommand"
            )
        }
        let arities = positionals.map(\.arity)
        precondition(!arities.dropLast().contains(.repeated), "\(name): only the last positional can be repeated")
        precondition(
            !zip(arities, arities.dropFirst()).contains { $0 != .required && $1 == .required },
            "\(name): a required positional follows an optional one"
        )
    }

    private func isUnique(_ names: [String]) -> Bool { Set(names).count == names.count }
}

/// A word without dashes that a command takes, known by its place.
package struct Positional: Sendable {
    package enum Arity: Sendable {
        case required, optional
        /// Any number, none included.
        case repeated
    }

    package let name: String
    package let arity: Arity
    package let completion: Completion
    package let help: String

    package init(_ name: String, _ arity: Arity = .required, completion: Completion = .none, help: String) {
        self.name = name
        self.arity = arity
        self.completion = completion
        self.help = help
    }
}

/// A command together with those above it.
package struct CommandPath: Sendable {
    private(set) var ancestors: [Command] = []
    package private(set) var leaf: Command

    package init(root: Command) {
        leaf = root
    }

    /// As it is typed: `api migrate latest`.
    package var words: String { (ancestors + [leaf]).map(\.name).joined(separator: " ") }
    var isRoot: Bool { ancestors.isEmpty }
    /// What the command understands: its own options, then the inherited ones.
    var options: [Option] { leaf.options + ancestors.reversed().flatMap(\.options) }

    func appending(_ child: Command) -> CommandPath {
        var path = self
        path.ancestors.append(leaf)
        path.leaf = child
        return path
    }
}
