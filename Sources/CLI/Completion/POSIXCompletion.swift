/// The scripts for bash and zsh, which differ in how matches are handed over and in little else.
extension Shell {
    func bashScript(program: String, _ states: [CompletionState]) -> String {
        let function = "_\(functionName(program))"
        let list = { (items: [(word: String, summary: String)]) in
            shellQuoted(items.map(\.word).joined(separator: " "))
        }
        return #"""
            # bash completion for \#(program). Put in ~/.bashrc: source <(\#(program) completions bash)
            \#(function)() {
                local at='\#(program)' cur=${COMP_WORDS[COMP_CWORD]} option= word i n=0
                local commands= options= values= files= IFS=$' \t\n'
                # bash makes words of their own of the = in --name=value and the : in parent:child.
                [[ $cur == = ]] && cur=
                for ((i = 1; i < COMP_CWORD; i++)); do
                    word=${COMP_WORDS[i]}
                    [[ $word == [=:] ]] && continue
            \#(walk(states))
                done
            \#(tables(states, list: list))
                if [[ -n $option ]]; then
                    :
                elif [[ $cur == -* ]]; then
                    values=$options files=
                else
                    values="$commands $values"
                fi
                case $files in
                    file) compopt -o default 2>/dev/null ;;
                    folder) compopt -o dirnames 2>/dev/null ;;
                esac
                COMPREPLY=($(compgen -W "$values" -- "$cur"))
            }
            complete -F \#(function) \#(program)

            """#
    }

    func zshScript(program: String, _ states: [CompletionState]) -> String {
        let function = "_\(functionName(program))"
        let list = { (items: [(word: String, summary: String)]) in
            let described = items.map { item in
                let word = item.word.replacing(":", with: #"\:"#)
                return shellQuoted(item.summary.isEmpty ? word : "\(word):\(item.summary)")
            }
            return "(\(described.joined(separator: " ")))"
        }
        return #"""
            #compdef \#(program)
            # zsh completion for \#(program). Put in ~/.zshrc, after compinit: source <(\#(program) completions zsh)
            \#(function)() {
                local at='\#(program)' option= word files= i n=0
                local -a commands options values
                for ((i = 2; i < CURRENT; i++)); do
                    word=$words[i]
            \#(walk(states))
                done
                if [[ -z $option && $PREFIX == -*=* ]]; then
                    option=${PREFIX%%\=*}
                    option=${option/#--/-}
                    compset -P '*='
                fi
            \#(tables(states, list: list))
                if [[ -z $option && $PREFIX == -* ]]; then
                    _describe -o option options
                    return
                fi
                case $files in
                    file) _files ;;
                    folder) _path_files -/ ;;
                esac
                (( $#values )) && _describe value values
                [[ -z $option ]] && (( $#commands )) && _describe command commands
            }
            if [[ $funcstack[1] == \#(function) ]]; then \#(function) "$@"; else compdef \#(function) \#(program); fi

            """#
    }

    /// One step from word to word.
    ///
    /// After it, `at` is the command, `n` the number of its positionals that are there, and `option` is set while the
    /// value of an option is the next word.
    private func walk(_ states: [CompletionState]) -> String {
        var cases: [String] = []
        for state in states {
            if !state.entries.isEmpty { cases.append("\(pattern(state.entries))) at='\(state.target)' ;;") }
            let names = state.valueOptions.flatMap(\.names).map { "\(state.at) \($0)" }
            if !names.isEmpty { cases.append("\(pattern(names))) option=$word ;;") }
        }
        return #"""
                    if [[ -n $option ]]; then
                        option=
                        continue
                    fi
                    word=${word/#--/-}
                    case "$at $word" in
            \#(cases.map { "            " + $0 }.joined(separator: "\n"))
                        *' -'*) ;;
                        *) n=$((n + 1)) ;;
                    esac
            """#
    }

    /// What can stand at the cursor: first as a command or option of `at`, then as the value of `option` or of the
    /// positional `n`.
    private func tables(_ states: [CompletionState], list: ([(word: String, summary: String)]) -> String) -> String {
        var commands: [String] = []
        var values: [String] = []
        for state in states {
            let subcommands = list(state.path.leaf.subcommands.map { ($0.name, $0.summary) })
            let options = list(state.options.flatMap { option in option.spellings.map { ($0, option.help) } })
            commands.append("'\(state.at)') commands=\(subcommands) options=\(options) ;;")

            for option in state.valueOptions {
                guard let offer = offer(option.completion, list: list) else { continue }
                values.append("\(pattern(option.names.map { "\(state.at) \($0)" }))) \(offer) ;;")
            }
            for (index, positional) in state.path.leaf.positionals.enumerated() {
                guard let offer = offer(positional.completion, list: list) else { continue }
                let place = positional.arity == .repeated ? "'\(state.at) '[0-9]*" : "'\(state.at) \(index)'"
                values.append("\(place)) \(offer) ;;")
            }
        }
        return #"""
                case $at in
            \#(commands.map { "        " + $0 }.joined(separator: "\n"))
                esac
                case "$at ${option:-$n}" in
            \#(values.map { "        " + $0 }.joined(separator: "\n"))
                esac
            """#
    }

    private func offer(_ completion: Completion, list: ([(word: String, summary: String)]) -> String) -> String? {
        switch completion {
        case .none: nil
        case .file: "files=file"
        case .folder: "files=folder"
        case .choices(let choices): "values=\(list(choices.map { ($0, "") }))"
        }
    }

    private func pattern(_ words: [String]) -> String {
        words.map { "'\($0)'" }.joined(separator: " | ")
    }
}
