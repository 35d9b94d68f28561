/// A shell that can complete the program's commands, options and values.
package enum Shell: String, Sendable, CaseIterable {
    case bash, zsh, fish

    /// The script to source; made from the tree alone, it never runs the program.
    package func completionScript(for root: Command) -> String {
        let states = CompletionState.all(below: root)
        return switch self {
        case .bash: bashScript(program: root.name, states)
        case .zsh: zshScript(program: root.name, states)
        case .fish: fishScript(program: root.name, states)
        }
    }
}

/// A command as the completion scripts see it: where the words so far have led, and what can come next.
///
/// All scripts work alike. They walk over the words before the cursor, from command to command and past the options
/// with their values, and then offer what fits that place.
struct CompletionState {
    let path: CommandPath
    /// The words so far that lead here; the first is `at` itself.
    let entries: [String]
    let options: [Option]

    /// The command as typed, which is also the state's name in the scripts.
    var at: String { path.words }

    static func all(below root: Command) -> [CompletionState] {
        states(at: CommandPath(root: root), entries: [])
    }

    private static func states(at path: CommandPath, entries: [String]) -> [CompletionState] {
        let leaf = path.leaf
        let above = path.ancestors.map(\.name).joined(separator: " ")
        let here = CompletionState(
            path: path,
            entries: entries,
            options: (leaf.defaultCommand?.options ?? []) + path.options
        )
        return [here]
            + leaf.subcommands.flatMap { child in
                let names = [child.name] + child.aliases
                var entries = names.map { "\(path.words) \($0)" }
                if !path.isRoot { entries += names.map { "\(above) \(leaf.name):\($0)" } }
                return states(at: path.appending(child), entries: entries)
            }
    }

    /// Where `entries` lead: what follows `help` is completed as if it were a command line of its own.
    var target: String {
        path.leaf.name == Command.help.name ? path.ancestors.map(\.name).joined(separator: " ") : at
    }

    /// The options that take the next word, one dash before each of their names.
    var valueOptions: [(names: [String], completion: Completion)] {
        options.filter(\.takesValue).map { ($0.names.map { "-\($0)" }, $0.completion) }
    }
}

/// A text as one word of a script for bash or zsh.
func shellQuoted(_ text: String) -> String {
    "'" + text.replacing("'", with: #"'\''"#) + "'"
}

/// A name that may be part of a shell function's name.
func functionName(_ program: String) -> String {
    String(program.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
}
