/// What a command line asks for.
package enum Intent: Sendable {
    case run(Invocation)
    case help(CommandPath)
    case version
}

extension Command {
    /// Reads a command line, the program's name left off, against the tree below this root.
    ///
    /// Pure: nothing but the arguments and `environment` is looked at.
    package func parse(_ arguments: [String], environment: [String: String]) throws(UsageError) -> Intent {
        var parser = Parser(path: CommandPath(root: self), environment: environment)
        return try parser.parse(arguments)
    }
}

private struct Parser {
    var path: CommandPath
    let environment: [String: String]
    private var given: [String: [Setting]] = [:]
    private var words: [String] = []

    init(path: CommandPath, environment: [String: String]) {
        self.path = path
        self.environment = environment
    }

    mutating func parse(_ arguments: [String]) throws(UsageError) -> Intent {
        // Who asks for help gets it, whatever else is wrong. A value is never spelled like this: it would need a `=`.
        let spellings = Option.help.names.flatMap { ["--\($0)", "-\($0)"] }
        let asksForHelp = arguments.prefix { $0 != "--" }.contains(where: spellings.contains)
        do {
            try walk(arguments)
        } catch {
            guard asksForHelp else { throw error }
        }
        if asksForHelp || (arguments.isEmpty && path.leaf.defaultCommand == nil) { return .help(path) }
        if given[Option.version.name]?.last?.text == "true" { return .version }

        if let command = path.leaf.defaultCommand { path = path.appending(command) }
        guard path.leaf.subcommands.isEmpty else {
            let names = path.leaf.subcommands.map(\.name).joined(separator: ", ")
            throw usageError("\(path.words) needs a command: \(names)")
        }
        if path.leaf.name == Command.help.name, path.ancestors.count == 1 {
            path = CommandPath(root: path.ancestors[0])
            for word in words { try descend(word) }
            return .help(path)
        }
        try placeWords()
        try fillIn()
        return .run(Invocation(path: path, settings: given))
    }

    private mutating func walk(_ arguments: [String]) throws(UsageError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                words += rest
                return
            }
            if isOption(argument) {
                try takeOption(argument, &rest)
            } else if path.leaf.subcommands.isEmpty {
                words.append(argument)
            } else {
                try descend(argument)
            }
        }
    }

    /// Whether it starts with a dash but is neither `-`, which stands for stdin, nor a negative number.
    private func isOption(_ argument: String) -> Bool {
        let bytes = argument.utf8
        guard bytes.first == UInt8(ascii: "-"), let second = bytes.dropFirst().first else { return false }
        return !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(second)
    }

    private mutating func descend(_ word: String) throws(UsageError) {
        if let command = path.leaf.subcommand(named: word) {
            path = path.appending(command)
            return
        }
        let parts = word.split(separator: ":", maxSplits: 1)
        if parts.count == 2, let command = path.leaf.subcommand(named: parts[0]) {
            path = path.appending(command)
            return try descend(String(parts[1]))
        }
        let known = path.leaf.subcommands.flatMap { [$0.name] + $0.aliases }
        throw usageError("\(path.words) has no command \(word.quoted)", hint: didYouMean(word, among: known))
    }

    private mutating func takeOption(_ argument: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
        let bytes = argument.utf8
        let end = bytes.firstIndex(of: UInt8(ascii: "=")) ?? bytes.endIndex
        let spelling = String(argument[..<end])
        var value = end < bytes.endIndex ? String(argument[bytes.index(after: end)...]) : nil
        let name = String(spelling.utf8.dropFirst(spelling.utf8.starts(with: "--".utf8) ? 2 : 1)) ?? ""
        let option = try option(named: name, spelling: spelling)

        if option.takesValue, value == nil {
            guard let next = rest.first, !isOption(next) else {
                throw usageError(
                    "\(spelling) needs a value",
                    hint: rest.isEmpty ? nil : "A value that starts with a dash is written \(spelling)=VALUE."
                )
            }
            value = rest.removeFirst()
        } else if name == option.negation {
            guard value == nil else { throw usageError("\(spelling) takes no value") }
            value = "false"
        }
        guard option.isRepeatable || given[option.name] == nil else {
            throw usageError("\(option.label) can be given only once")
        }
        let setting = try checked(setting(value ?? "true", .commandLine, for: option), option: option)
        given[option.name, default: []].append(setting)
    }

    /// Finds an option here or, as it is the next to be asked, in the default subcommand.
    private mutating func option(named name: String, spelling: String) throws(UsageError) -> Option {
        if let option = path.options.first(where: { $0.names.contains(name) }) { return option }
        if let command = path.leaf.defaultCommand, command.declaresOption(name) {
            path = path.appending(command)
            return try option(named: name, spelling: spelling)
        }
        // A lone letter is one edit away from every other.
        let known = (path.options + (path.leaf.defaultCommand?.options ?? [])).flatMap(\.names).filter { $0.count > 1 }
        var hint = didYouMean("--\(name)", among: known.map { "--\($0)" })
        if path.leaf.declaresOption(name) { hint = "Options of a command come after its name." }
        throw usageError("\(path.words) has no option \(spelling.quoted)", hint: hint)
    }

    /// Hands the words without dashes to the positionals, each in its place.
    private mutating func placeWords() throws(UsageError) {
        var rest = words[...]
        for positional in path.leaf.positionals {
            let taken = positional.arity == .repeated ? rest : rest.prefix(1)
            rest.removeFirst(taken.count)
            guard !taken.isEmpty || positional.arity != .required else {
                throw usageError("\(path.words) needs \(positional.name)", hint: positional.help)
            }
            for word in taken {
                let setting = Setting(
                    text: word,
                    source: .commandLine,
                    label: positional.name,
                    isSecret: false,
                    command: path.words
                )
                given[positional.name, default: []].append(try checked(setting, among: positional.completion.choices))
            }
        }
        if let word = rest.first { throw usageError("\(path.words) has no use for \(word.quoted)") }
    }

    /// Takes what is not given from the environment, and else the default.
    private mutating func fillIn() throws(UsageError) {
        for option in path.options where given[option.name] == nil {
            let variable = option.environment.first { environment[$0]?.isEmpty == false }
            if let variable, let text = environment[variable] {
                given[option.name] = [try checked(setting(text, .environment(variable), for: option), option: option)]
            } else if let text = option.defaultValue {
                given[option.name] = [setting(text, .defaultValue, for: option)]
            }
        }
    }

    private func checked(_ setting: Setting, option: Option) throws(UsageError) -> Setting {
        if option.takesValue { return try checked(setting, among: option.completion.choices) }
        return self.setting(String(try setting.boolean()), setting.source, for: option)
    }

    private func checked(_ setting: Setting, among choices: [String]) throws(UsageError) -> Setting {
        // Nearly always `--db=$DB` with DB not set; to go on with the default would be worse.
        guard !setting.text.isEmpty else { throw usageError("\(setting.label) was given an empty value") }
        guard choices.isEmpty || choices.contains(setting.text) else { throw setting.refused(unlessOneOf: choices) }
        return setting
    }

    private func setting(_ text: String, _ source: Setting.Source, for option: Option) -> Setting {
        Setting(text: text, source: source, label: option.label, isSecret: option.isSecret, command: path.words)
    }

    private func usageError(_ message: String, hint: String? = nil) -> UsageError {
        UsageError(message: message, hint: hint, command: path.words)
    }
}
