/// The script for fish, which takes one statement for each thing that can be completed and the place where it can.
extension Shell {
    func fishScript(program: String, _ states: [CompletionState]) -> String {
        let function = "__\(functionName(program))_at"
        var cases: [String] = []
        var offers: [String] = []
        for state in states {
            if !state.entries.isEmpty { cases.append("case \(words(state.entries))\n    set at '\(state.target)'") }
            let names = state.valueOptions.flatMap(\.names).map { "\(state.at) \($0)" }
            if !names.isEmpty { cases.append("case \(words(names))\n    set option 1") }

            let here = "complete -c \(program) -n \"\(function) '\(state.at)'"
            for command in state.path.leaf.subcommands {
                offers.append("\(here)\" -a \(command.name) -d \(quoted(command.summary))")
            }
            for option in state.options {
                // -r: takes a value, which may be a file; -x: takes one that is none.
                let isFile = option.completion == .file
                let value = option.takesValue ? (isFile ? " -r" : " -x") + offer(option.completion) : ""
                for spelling in option.spellings {
                    let name = spelling.hasPrefix("--") ? "-l \(spelling.dropFirst(2))" : "-s \(spelling.dropFirst())"
                    offers.append("\(here)\" \(name)\(value) -d \(quoted(option.help))")
                }
            }
            for (index, positional) in state.path.leaf.positionals.enumerated() where positional.completion != .none {
                let place = positional.arity == .repeated ? "" : " \(index)"
                offers.append("\(here)\(place)\"\(offer(positional.completion))")
            }
        }
        return #"""
            # fish completion for \#(program). Put in ~/.config/fish/config.fish: \#(program) completions fish | source
            function \#(function) -a wanted place
                set -l words (commandline -opc)
                set -e words[1]
                set -l at '\#(program)'
                set -l n 0
                set -l option
                for word in $words
                    if test -n "$option"
                        set option
                        continue
                    end
                    set word (string replace -r -- '^--' '-' $word)
                    switch "$at $word"
            \#(cases.flatMap { $0.split(separator: "\n") }.map { "            " + $0 }.joined(separator: "\n"))
                        case '* -*'
                        case '*'
                            set n (math $n + 1)
                    end
                end
                test "$at" = "$wanted"; and test -z "$place" -o "$place" = $n
            end
            complete -c \#(program) -f
            \#(offers.joined(separator: "\n"))

            """#
    }

    private func offer(_ completion: Completion) -> String {
        switch completion {
        case .none: ""
        case .file: " -F"
        case .folder: " -a '(__fish_complete_directories (commandline -ct))'"
        case .choices(let choices): " -a \(quoted(choices.joined(separator: " ")))"
        }
    }

    private func quoted(_ text: String) -> String {
        "'" + text.replacing(#"\"#, with: #"\\"#).replacing("'", with: #"\'"#) + "'"
    }

    private func words(_ words: [String]) -> String {
        words.map { "'\($0)'" }.joined(separator: " ")
    }
}
