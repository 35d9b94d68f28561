import Foundation
import Testing

@testable import CLI

/// What the generated scripts do in the real shells.
///
/// Needs the Debian packages bash, zsh and fish, and `script` from bsdutils for a terminal to press TAB in. A shell
/// that is missing fails its tests: a script nobody ran is not known to work.
@Suite struct CompletionTests {
    /// Lines as they are typed, TAB included, and the arguments the program then gets.
    static let typed: [(keys: String, arguments: [String])] = [
        ("shop mig\tla\t", ["migrate", "latest"]),
        ("shop help mig\tdo\t", ["help", "migrate", "down"]),
        ("shop seed --fo\t", ["seed", "--force"]),
        ("shop seed li\t--js\t", ["seed", "list", "--json"]),
        ("shop migrate --shelves st\t dow\t", ["migrate", "--shelves", "stock room/", "down"]),
        ("shop mig latest --sh\tst\t", ["mig", "latest", "--shelves", "stock room/"]),
        ("shop migrate:latest --sh\tst\t", ["migrate:latest", "--shelves", "stock room/"]),
        ("shop serve --no\t", ["serve", "--no-migrate"]),
        ("shop serve --lo\tde\t", ["serve", "--log-level", "debug"]),
        ("shop serve -log-level in\t", ["serve", "-log-level", "info"]),
        ("shop serve --log-level=er\t", ["serve", "--log-level=error"]),
        ("shop serve --db my\t--qui\t", ["serve", "--db", "my ledger.db", "--quiet"]),
        ("shop serve --db=my\t", ["serve", "--db=my ledger.db"]),
        ("shop serve --stock st\t", ["serve", "--stock", "stock room/"]),
        ("shop restore -o my\tno\tle\tri\t", ["restore", "-o", "my ledger.db", "notes.txt", "left", "right"]),
        ("shop completions f\t", ["completions", "fish"]),
        // And what must be left as it was typed.
        ("shop serve mig\t", ["serve", "mig"]),
        ("shop migrate latest --fo\t", ["migrate", "latest", "--fo"]),
        ("shop serve --port my\t", ["serve", "--port", "my"]),
        ("shop serve --stock my\t", ["serve", "--stock", "my"]),
        ("shop serve --db serve mig\t", ["serve", "--db", "serve", "mig"]),
        ("shop completions fish ba\t", ["completions", "fish", "ba"]),
    ]

    @Test(arguments: [Shell.bash, .zsh]) func `pressing TAB completes what fits its place`(shell: Shell) throws {
        let shop = try ShopFolder(shell)
        defer { shop.remove() }
        let lines = Self.typed.map(\.keys) + ["exit"]
        let start = ["bash": "bash --noprofile --norc -i", "zsh": "zsh -f -i"][shell.rawValue] ?? ""
        let load = shell == .zsh ? "autoload -Uz compinit; compinit -D -u; " : ""
        let screen = try shop.run(
            ["script", "-qec", start, "/dev/null"],
            input: "\(load)source ../script\n" + lines.map { $0 + "\n" }.joined()
        )
        let got = try shop.answers()
        try #require(got.count == Self.typed.count, "\(screen)")
        for (line, arguments) in zip(Self.typed, got) {
            // zsh takes the slash of a folder away again when the word ends there.
            let wanted = line.arguments.map { shell == .zsh && $0 == "stock room/" ? "stock room" : $0 }
            #expect(arguments == wanted, "\(line.keys.debugDescription)")
        }
    }

    @Test(arguments: [
        ("shop mig", ["migrate"]), ("shop help migrate d", ["down"]), ("shop seed --f", ["--force"]),
        ("shop seed ", ["list", "run"]), ("shop migrate --shelves ", ["stock room/"]),
        ("shop migrate --shelves x la", ["latest"]), ("shop mig latest --sh", ["--shelves"]),
        ("shop migrate:latest --sh", ["--shelves"]), ("shop serve --no", ["--no-migrate"]),
        ("shop serve --log-level ", ["debug", "error", "info"]), ("shop serve --log-level=e", ["--log-level=error"]),
        ("shop serve --db m", ["my ledger.db"]), ("shop serve --db=m", ["--db=my ledger.db"]),
        ("shop serve --db serve mig", []), ("shop restore -o m", ["my ledger.db"]), ("shop restore n", ["notes.txt"]),
        ("shop restore x ", ["left", "right"]), ("shop restore x left r", ["right"]),
        ("shop completions ", ["bash", "fish", "zsh"]), ("shop completions fish ", []), ("shop serve mig", []),
        ("shop serve --port m", []), ("shop serve --migrate ", []), ("shop migrate latest --fo", []),
    ])
    func `fish completes what fits its place`(line: String, offers: [String]) throws {
        let shop = try ShopFolder(.fish)
        defer { shop.remove() }
        #expect(try shop.fishOffers(line) == offers)
    }

    @Test func `zsh explains what it offers`() throws {
        let shop = try ShopFolder(.zsh)
        defer { shop.remove() }
        let screen = try shop.run(
            ["script", "-qec", "zsh -f -i", "/dev/null"],
            input: "autoload -Uz compinit; compinit -D -u; source ../script\nshop serve --\t\nexit\n"
        )
        #expect(screen.contains("What is worth a line, it's said."))
        #expect(screen.contains("Rearrange the shelves first."))
    }

    @Test func `bash offers all choices right after the equals sign, which it makes a word of its own`() throws {
        let shop = try ShopFolder(.bash)
        defer { shop.remove() }
        #expect(try shop.bashOffers("shop serve --log-level =") == ["debug", "info", "error"])
        #expect(try shop.bashOffers("shop serve --log-level = e") == ["error"])
    }

    @Test(arguments: CompletionState.all(below: sample).map(\.at))
    func `bash and fish offer every subcommand and every option of each command`(command: String) throws {
        let state = try #require(CompletionState.all(below: sample).first { $0.at == command })
        let options = state.options.flatMap(\.spellings).filter { $0.hasPrefix("--") }
        let isHelp = state.path.leaf.name == Command.help.name
        let commands = (isHelp ? sample : state.path.leaf).subcommands.map(\.name)

        let bash = try ShopFolder(.bash)
        defer { bash.remove() }
        let fish = try ShopFolder(.fish)
        defer { fish.remove() }
        #expect(try bash.bashOffers("\(command) --") == options)
        #expect(try fish.fishOffers("\(command) --").sorted() == options.sorted())
        guard !commands.isEmpty else { return }
        #expect(try bash.bashOffers("\(command) ''") == commands)
        #expect(try fish.fishOffers("\(command) ").sorted() == commands.sorted())
    }
}

/// A folder with a program called `shop` that notes its arguments, some files to complete, and a shell's script.
struct ShopFolder {
    private let folder: URL

    init(_ shell: Shell) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "shop-\(UUID().uuidString)")
        let work = folder.appending(path: "work")
        try FileManager.default.createDirectory(
            at: work.appending(path: "stock room"),
            withIntermediateDirectories: true
        )
        try Data().write(to: work.appending(path: "my ledger.db"))
        try Data().write(to: work.appending(path: "notes.txt"))
        try Data(shell.completionScript(for: sample).utf8).write(to: folder.appending(path: "script"))
        let program = folder.appending(path: "shop")
        try Data("#!/bin/sh\n{ printf '%s\\t' \"$@\"; echo; } >> \"$ANSWERS\"\n".utf8).write(to: program)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
    }

    func remove() {
        #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) }
    }

    /// Runs a command in the folder, and returns what it printed.
    func run(_ arguments: [String], input: String = "") throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["timeout", "60"] + arguments
        process.currentDirectoryURL = folder.appending(path: "work")
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        process.environment = [
            "PATH": "\(folder.path):\(path)", "HOME": folder.path, "TERM": "xterm", "LC_ALL": "C.UTF-8",
            "ANSWERS": folder.appending(path: "answers").path,
        ]
        let typed = folder.appending(path: "typed")
        try Data(input.utf8).write(to: typed)
        process.standardInput = try FileHandle(forReadingFrom: typed)
        let printed = Pipe()
        process.standardOutput = printed
        process.standardError = printed
        try process.run()
        let output = try printed.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let text = String(decoding: output, as: UTF8.self)
        let isMissing = process.terminationStatus == 127
        #expect(!isMissing, "not installed? apt-get install bash zsh fish bsdutils: \(text)")
        return text
    }

    /// Asks the completion function as bash would, with these words of which the last is being typed.
    func bashOffers(_ words: String) throws -> [String] {
        try run([
            "bash", "-c",
            """
            source ../script; COMP_WORDS=(\(words)); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _shop 2>/dev/null; printf '%s\\n' "${COMPREPLY[@]}"
            """,
        ]).split(separator: "\n").map(String.init)
    }

    func fishOffers(_ line: String) throws -> [String] {
        try run(["fish", "--no-config", "-c", "source ../script; complete -C '\(line)'"])
            .split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }
    }

    /// The arguments of each call of the program, in order.
    func answers() throws -> [[String]] {
        let text = try String(contentsOf: folder.appending(path: "answers"), encoding: .utf8)
        return text.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    }
}
