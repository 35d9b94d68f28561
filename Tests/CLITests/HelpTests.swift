import Testing

@testable import CLI

struct HelpTests {
    private func help(_ line: String, width: Int = 80, style: Style = .plain) throws -> String {
        let intent = try sample.parse(words(line), environment: [:])
        guard case .help(let path) = intent else { throw NotRun(intent: intent) }
        return path.help(width: width, style: style)
    }

    @Test func `the program's help lists its commands`() throws {
        #expect(
            try help("") == """
                Sells apples over the counter and by post.

                Usage: shop COMMAND [options]

                Commands:
                  serve        Open the shop.
                  migrate      Rearrange the shelves.
                  seed         Put apples on the shelves.
                  restore      Copy the ledger back.
                  completions  Print a script for a shell.
                  help         Show help for a command.

                Global options:
                  -h, --help     Show help and exit.
                      --version  Show the version and exit.

                For help on a command: shop COMMAND --help

                """
        )
    }

    @Test func `a command's help shows examples first and then all that can be set`() throws {
        #expect(
            try help("help serve") == """
                Open the shop.

                Usage: shop serve [options]

                Examples:
                  # On another port.
                  shop serve --port 9000

                Opens at once.

                Closes when it is told to.

                Options:
                      --port PORT        The counter to listen at. [env: PORT] [default: 8080]
                      --db PATH          The ledger. [env: DB_PATH] [default: data/shop.db]
                      --stock FOLDER     Where the apples are.
                      --log-level LEVEL  What is worth a line, it's said. [debug, info, error]
                                         [env: LOG_LEVEL] [default: info]
                      --replica URL      Where copies of the ledger go. Can be repeated.
                                         [env: REPLICA_URL, DB_REPLICA_URL]
                      --token TOKEN      Who may enter. [env: SHOP_TOKEN]
                      --offset N         Shelves to skip.
                      --[no-]migrate     Rearrange the shelves first. [env: MIGRATE]
                                         [default: true]
                      --quiet            No bell. [env: QUIET]

                Global options:
                  -h, --help     Show help and exit.
                      --version  Show the version and exit.

                """
        )
    }

    @Test func `the help of a group marks its default and shows what its commands inherit`() throws {
        #expect(try help("help seed").contains("Usage: shop seed [COMMAND] [options]\n"))
        #expect(try help("help seed").contains("  run   Do it. This is the default.\n"))
        #expect(try help("help migrate latest").contains("Options:\n      --shelves FOLDER  The plans.\n"))
    }

    @Test func `positionals are in the usage line and explained`() throws {
        let text = try help("help restore")
        #expect(text.contains("Usage: shop restore [options] SOURCE [PART ...]\n"))
        #expect(text.contains("Arguments:\n  SOURCE  The copy.\n  PART    Which pages. [left, right]\n"))
        #expect(text.contains("  -o, --output PATH  Where to.\n"))
        #expect(try help("help migrate down").contains("Usage: shop migrate down [options] [NAME]\n"))
    }

    @Test(arguments: [(1, 60), (60, 60), (79, 79), (100, 100), (5000, 100)])
    func `lines are as long as the terminal is wide, within 60 and 100 columns`(width: Int, lengthMax: Int) {
        let long = String(repeating: "apples and pears ", count: 40)
        let command = Command(
            "shop",
            summary: long,
            discussion: long,
            options: ["a", "very-long-option-that-has-no-room-beside-it"].map { Option($0, .flag, help: long) }
        )
        let lines = CommandPath(root: command).help(width: width, style: .plain).split(separator: "\n")
        #expect(lines.map(\.count).max().map { (lengthMax - 6...lengthMax).contains($0) } == true)
        #expect(lines.contains("      --very-long-option-that-has-no-room-beside-it"))
        #expect(!lines.contains { $0.hasSuffix(" ") })
    }

    @Test func `headings and names are bold only where the style says so`() throws {
        #expect(try help("help seed", style: .ansi).contains("\u{1B}[1mCommands:\u{1B}[0m\n  \u{1B}[1mrun "))
        #expect(try !help("help seed").contains("\u{1B}"))
    }
}
