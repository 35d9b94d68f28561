extension CommandPath {
    /// The help page, as wide as the reader's terminal but never too wide or narrow to read.
    package func help(for output: TextOutput) -> String {
        help(width: output.width, style: output.style)
    }

    func help(width: Int, style: Style) -> String {
        HelpPage(path: self, width: min(max(width, 60), 100), style: style).text
    }

    /// The options of the command and of the groups it is in; the root's apply everywhere and are told apart.
    var appliedOptions: [Option] {
        leaf.options + ancestors.dropFirst().reversed().flatMap(\.options)
    }

    /// One line that shows the order of things.
    var usage: String {
        var parts = [words]
        if !leaf.subcommands.isEmpty { parts.append(leaf.defaultSubcommand == nil ? "COMMAND" : "[COMMAND]") }
        parts.append("[options]")
        parts += leaf.positionals.map { positional in
            switch positional.arity {
            case .required: positional.name
            case .optional: "[\(positional.name)]"
            case .repeated: "[\(positional.name) ...]"
            }
        }
        return parts.joined(separator: " ")
    }
}

private struct HelpPage {
    let path: CommandPath
    let width: Int
    let style: Style

    var text: String {
        let leaf = path.leaf
        let examples = leaf.examples.map { wrapped("# \($0.explanation)", indent: 2) + "\n  \($0.line)" }
        let commands = leaf.subcommands.map { command in
            let isDefault = command.name == leaf.defaultSubcommand
            return (command.name, command.summary + (isDefault ? " This is the default." : ""))
        }
        let sections = [
            wrapped(leaf.summary),
            style.bold("Usage:") + " \(path.usage)",
            section("Examples", examples),
            leaf.discussion.split(separator: "\n\n").map { wrapped(String($0)) }.joined(separator: "\n\n"),
            section("Commands", rows(commands)),
            section(
                "Arguments",
                rows(leaf.positionals.map { ($0.name, $0.help + notes(choices: $0.completion.choices)) })
            ),
            section("Options", rows((path.isRoot ? [] : path.appliedOptions).map(row))),
            section("Global options", rows((path.ancestors.first ?? leaf).options.map(row))),
            leaf.subcommands.isEmpty ? "" : "For help on a command: \(path.words) COMMAND --help",
        ]
        return sections.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
    }

    private func section(_ title: String, _ lines: [String]) -> String {
        lines.isEmpty ? "" : ([style.bold("\(title):")] + lines).joined(separator: "\n")
    }

    private func row(_ option: Option) -> (String, String) {
        let letters = option.aliases.filter { $0.utf8.count == 1 }.map { "-\($0), " }.joined()
        var label = letters.isEmpty ? "    " : letters
        switch option.kind {
        case .flag: label += option.label
        case .toggle: label += "--[no-]\(option.name)"
        case .value(let placeholder, _): label += "\(option.label) \(placeholder)"
        }
        var text = option.help + (option.isRepeatable ? " Can be repeated." : "")
        text += notes(choices: option.completion.choices)
        if !option.environment.isEmpty { text += " [env:\u{A0}\(option.environment.joined(separator: ", "))]" }
        if let value = option.defaultValue, option.kind != .flag, !option.isSecret {
            text += " [default:\u{A0}\(value)]"
        }
        return (label, text)
    }

    private func notes(choices: [String]) -> String {
        choices.isEmpty ? "" : " [\(choices.joined(separator: ", "))]"
    }

    /// Two columns, the second as far to the left as the labels that are not overlong allow.
    private func rows(_ rows: [(label: String, text: String)]) -> [String] {
        let labelWidthMax = 30
        let column = rows.map(\.label.displayWidth).filter { $0 <= labelWidthMax }.max() ?? 0
        return rows.map { row in
            let text = wrapped(row.text, indent: column + 4)
            guard row.label.displayWidth <= column else { return "  \(style.bold(row.label))\n\(text)" }
            return "  " + style.bold(row.label.padded(to: column)) + "  " + text.dropFirst(column + 4)
        }
    }

    /// Breaks lines at spaces that are not U+00A0; a word longer than a line stays whole.
    private func wrapped(_ text: String, indent: Int = 0) -> String {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = ""
        for word in text.split(whereSeparator: { $0 == " " || $0.isNewline }) {
            if !line.isEmpty, indent + line.displayWidth + 1 + String(word).displayWidth > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return (lines + [line]).map { margin + $0 }.joined(separator: "\n").replacing("\u{A0}", with: " ")
    }
}
