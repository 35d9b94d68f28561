@testable import CLI
import Testing

struct ParserTests {
    @Test(arguments: [
        "serve --port 9 --quiet", "serve --port=9 --quiet", "serve -port 9 -quiet", "serve -port=9 -quiet=true",
        "serve --quiet --port 9", "serve --quiet=yes --port 9",
    ])
    func `an option can be written with one dash or two and with or without an equals sign`(line: String) throws {
        let invocation = try invocation(line)
        #expect(try invocation.integer("port") == 9)
        #expect(invocation["port"]?.source == .commandLine)
        #expect(invocation.flag("quiet"))
    }

    @Test(arguments: [
        ("migrate latest", "migrate latest"), ("mig latest", "migrate latest"), ("migrate:latest", "migrate latest"),
        ("mig:latest", "migrate latest"), ("seed", "seed run"), ("seed --force", "seed run"), ("seed run", "seed run"),
        ("seed:list --json", "seed list"), ("migrate --shelves x latest", "migrate latest"),
        ("migrate latest --shelves x", "migrate latest"),
    ])
    func `commands are found by name, alias, colon form or as the default`(line: String, command: String) throws {
        #expect(try invocation(line).command == command)
    }

    @Test(arguments: [
        "restore -o out a left right", "restore a -o out left right", "restore a left right -o=out",
        "restore --output out -- a left right",
    ])
    func `options and positionals can be mixed`(line: String) throws {
        let invocation = try invocation(line)
        #expect(try invocation.string("output") == "out")
        #expect(try invocation.string("SOURCE") == "a")
        #expect(invocation.all("PART").map(\.text) == ["left", "right"])
    }

    @Test func `two dashes end the options`() throws {
        #expect(try invocation("restore -- --output").string("SOURCE") == "--output")
        #expect(try invocation("restore -- -f")["follow"]?.source == .defaultValue)
    }

    @Test func `a lone dash and negative numbers are values`() throws {
        #expect(try invocation("restore -o - -1")["output"]?.text == "-")
        #expect(try invocation("restore -o - -1")["SOURCE"]?.text == "-1")
        #expect(try invocation("serve --offset -5").integer("offset") == -5)
        #expect(try invocation("serve --db=-x=y").string("db") == "-x=y")
    }

    @Test(arguments: [
        ("serve", [:], true, Setting.Source.defaultValue), ("serve --no-migrate", [:], false, .commandLine),
        ("serve -no-migrate", ["MIGRATE": "1"], false, .commandLine), ("serve --migrate=off", [:], false, .commandLine),
        ("serve", ["MIGRATE": "Off"], false, .environment("MIGRATE")),
        ("serve --migrate", ["MIGRATE": "0"], true, .commandLine),
        ("serve", ["MIGRATE": ""], true, .defaultValue),
    ])
    func `a toggle is on or off by option, then environment, then default`(
        line: String,
        environment: [String: String],
        isOn: Bool,
        source: Setting.Source
    ) throws {
        let invocation = try invocation(line, environment: environment)
        #expect(invocation.flag("migrate") == isOn)
        #expect(invocation["migrate"]?.source == source)
    }

    @Test(
        arguments: [
            ("serve", [:], [], nil), ("serve --replica a --replica=b", ["REPLICA_URL": "c"], ["a", "b"], .commandLine),
            ("serve", ["DB_REPLICA_URL": "d", "REPLICA_URL": "c"], ["c"], .environment("REPLICA_URL")),
            ("serve", ["DB_REPLICA_URL": "d", "REPLICA_URL": ""], ["d"], .environment("DB_REPLICA_URL")),
        ] as [(String, [String: String], [String], Setting.Source?)]
    )
    func `the first variable that is set and not empty stands in for an absent option`(
        line: String,
        environment: [String: String],
        values: [String],
        source: Setting.Source?
    ) throws {
        let invocation = try invocation(line, environment: environment)
        #expect(invocation.all("replica").map(\.text) == values)
        #expect(invocation["replica"]?.source == source)
    }

    @Test(
        arguments: [
            ("serv", "shop has no command 'serv'", "Did you mean serve?", "shop"),
            ("xyzzy", "shop has no command 'xyzzy'", nil, "shop"),
            ("migrate", "shop migrate needs a command: latest, down, make", nil, "shop migrate"),
            ("--", "shop needs a command: serve, migrate, seed, restore, completions, help", nil, "shop"),
            ("migrate:latset", "shop migrate has no command 'latset'", "Did you mean latest?", "shop migrate"),
            ("seed lits", "shop seed has no command 'lits'", "Did you mean list?", "shop seed"),
            ("serve --prot 1", "shop serve has no option '--prot'", "Did you mean --port?", "shop serve"),
            ("serve --no-migrat", "shop serve has no option '--no-migrat'", "Did you mean --no-migrate?", "shop serve"),
            ("serve --no-quiet", "shop serve has no option '--no-quiet'", nil, "shop serve"),
            ("serve ---port 1", "shop serve has no option '---port'", "Did you mean --port?", "shop serve"),
            ("--port 1 serve", "shop has no option '--port'", "Options of a command come after its name.", "shop"),
            ("restore a -p", "shop restore has no option '-p'", nil, "shop restore"),
            ("seed --forse", "shop seed has no option '--forse'", "Did you mean --force?", "shop seed"),
            ("serve --port", "--port needs a value", nil, "shop serve"),
            (
                "serve -port --quiet", "-port needs a value", "A value that starts with a dash is written -port=VALUE.",
                "shop serve"
            ),
            ("serve --db=", "--db was given an empty value", nil, "shop serve"),
            ("serve --port 1 -port=2", "--port can be given only once", nil, "shop serve"),
            ("serve --migrate --no-migrate", "--migrate can be given only once", nil, "shop serve"),
            ("serve --no-migrate=1", "--no-migrate takes no value", nil, "shop serve"),
            (
                "serve --quiet=maybe", "--quiet must be 1, true, yes or on, or else 0, false, no or off, not 'maybe'",
                nil,
                "shop serve"
            ),
            (
                "serve --log-level inof", "--log-level must be one of debug, info, error, not 'inof'",
                "Did you mean info?",
                "shop serve"
            ),
            ("serve now", "shop serve has no use for 'now'", nil, "shop serve"),
            ("migrate make", "shop migrate make needs NAME", "What it is called.", "shop migrate make"),
            ("restore a up", "PART must be one of left, right, not 'up'", nil, "shop restore"),
            ("help migrate lates", "shop migrate has no command 'lates'", "Did you mean latest?", "shop migrate"),
        ] as [(String, String, String?, String)]
    )
    func `wrong use is refused with what is wrong, a suggestion and the way to help`(
        line: String,
        message: String,
        hint: String?,
        command: String
    ) {
        #expect(refusal(line) == UsageError(message: message, hint: hint, command: command))
    }

    @Test func `a wrong variable is refused by its own name`() {
        let error = refusal("serve", environment: ["LOG_LEVEL": "loud"])
        #expect(error?.message == "environment variable LOG_LEVEL must be one of debug, info, error, not 'loud'")
    }

    @Test func `an empty argument is not taken for a value`() {
        #expect(throws: UsageError(message: "NAME was given an empty value", hint: nil, command: "shop migrate make")) {
            try sample.parse(["migrate", "make", ""], environment: [:])
        }
    }

    @Test(arguments: [
        ("", "shop"), ("--help", "shop"), ("-h", "shop"), ("help", "shop"), ("help migrate", "shop migrate"),
        ("help migrate latest", "shop migrate latest"), ("help migrate:latest", "shop migrate latest"),
        ("migrate latest --help", "shop migrate latest"), ("--help migrate", "shop migrate"),
        ("serve --prot 1 --help", "shop serve"), ("serve --port --help", "shop serve"), ("seed -h", "shop seed"),
        ("help help", "shop help"),
    ])
    func `help is shown for whatever command it is asked at, even if the rest is wrong`(
        line: String,
        command: String
    ) throws {
        let intent = try sample.parse(words(line), environment: ["LOG_LEVEL": "loud"])
        guard case .help(let path) = intent else { throw NotRun(intent: intent) }
        #expect(path.words == command)
    }

    @Test func `the version is shown when asked for`() throws {
        let intent = try sample.parse(["--version"], environment: [:])
        guard case .version = intent else { throw NotRun(intent: intent) }
    }

    @Test(arguments: [
        ("", "", 0), ("port", "port", 0), ("prot", "port", 1), ("por", "port", 1), ("ports", "port", 1),
        ("part", "port", 1), ("", "abc", 3), ("ca", "abc", 3), ("kitten", "sitting", 3),
    ])
    func `an edit is one letter more, less or other, or two swapped`(left: String, right: String, edits: Int) {
        #expect(editDistance(left, right) == edits)
        #expect(editDistance(right, left) == edits)
    }

    @Test func `an overlong word costs neither time nor a line of output`() {
        let error = refusal("serve --" + String(repeating: "x", count: 1_000_000))
        #expect(error?.message.utf8.count ?? .max < 120)
        #expect(error?.hint == nil)
    }

    @Test func `what a user wrote cannot drive the terminal`() {
        #expect(refusal("\u{1B}[2J")?.message == #"shop has no command '\u{1B}[2J'"#)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `no jumble of words crashes the parser`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let pool = [
            "serve", "seed", "migrate", "migrate:", ":", "::", "help", "--", "-", "---", "-=", "--=", "=", "-1",
            "--port",
            "--port=", "-o", "--no-migrate", "restore", "left", "\u{301}", "-\u{301}", "--db=\u{338}", "🍏", "seed:run",
        ]
        for _ in 0..<2000 {
            let line = (0..<Int.random(in: 0...6, using: &random)).map { _ in pool.randomElement(using: &random) ?? "" }
            let variables = ["PORT": pool.randomElement(using: &random) ?? "", "MIGRATE": "2"]
            do throws(UsageError) {
                _ = try sample.parse(line, environment: variables)
            } catch {
                #expect(!error.message.isEmpty && !error.command.isEmpty, "\(line)")
            }
        }
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
