@testable import CLI

/// A made-up program in the shape of a real one: groups, a default subcommand, every kind of option and positional.
let sample = Command(
    "shop",
    summary: "Sells apples over the counter and by post.",
    options: [.help, .version],
    subcommands: [
        Command(
            "serve",
            summary: "Open the shop.",
            discussion: "Opens at once.\n\nCloses when it is told to.",
            examples: [("shop serve --port 9000", "On another port.")],
            options: [
                Option(
                    "port",
                    .value("PORT", default: "8080"),
                    environment: ["PORT"],
                    help: "The counter to listen at."
                ),
                Option(
                    "db",
                    .value("PATH", default: "data/shop.db"),
                    environment: ["DB_PATH"],
                    completion: .file,
                    help: "The ledger."
                ),
                Option("stock", .value("FOLDER"), completion: .folder, help: "Where the apples are."),
                Option(
                    "log-level",
                    .value("LEVEL", default: "info"),
                    environment: ["LOG_LEVEL"],
                    completion: .choices(["debug", "info", "error"]),
                    help: "What is worth a line, it's said."
                ),
                Option(
                    "replica",
                    .value("URL"),
                    environment: ["REPLICA_URL", "DB_REPLICA_URL"],
                    isRepeatable: true,
                    help: "Where copies of the ledger go."
                ),
                Option("token", .value("TOKEN"), environment: ["SHOP_TOKEN"], isSecret: true, help: "Who may enter."),
                Option("offset", .value("N"), help: "Shelves to skip."),
                Option(
                    "migrate",
                    .toggle(default: true),
                    environment: ["MIGRATE"],
                    help: "Rearrange the shelves first."
                ),
                Option("quiet", .flag, environment: ["QUIET"], help: "No bell."),
            ]
        ),
        Command(
            "migrate",
            aliases: ["mig"],
            summary: "Rearrange the shelves.",
            options: [Option("shelves", .value("FOLDER"), completion: .folder, help: "The plans.")],
            subcommands: [
                Command("latest", summary: "Carry out all plans."),
                Command(
                    "down",
                    summary: "Undo a plan.",
                    positionals: [Positional("NAME", .optional, help: "The plan.")]
                ),
                Command(
                    "make",
                    summary: "Write a plan.",
                    positionals: [Positional("NAME", help: "What it is called.")]
                ),
            ]
        ),
        Command(
            "seed",
            summary: "Put apples on the shelves.",
            subcommands: [
                Command("run", summary: "Do it.", options: [Option("force", .flag, help: "Even twice.")]),
                Command(
                    "list",
                    summary: "Show what is there.",
                    options: [Option("json", .flag, help: "For programs.")]
                ),
            ],
            defaultSubcommand: "run"
        ),
        Command(
            "restore",
            summary: "Copy the ledger back.",
            options: [
                Option("output", .value("PATH"), aliases: ["o"], completion: .file, help: "Where to."),
                Option("follow", .flag, aliases: ["f"], help: "Go on for ever."),
            ],
            positionals: [
                Positional("SOURCE", completion: .file, help: "The copy."),
                Positional("PART", .repeated, completion: .choices(["left", "right"]), help: "Which pages."),
            ]
        ),
        Command(
            "completions",
            summary: "Print a script for a shell.",
            positionals: [Positional("SHELL", completion: .choices(Shell.allCases.map(\.rawValue)), help: "The shell.")]
        ),
        .help,
    ]
)

struct NotRun: Error { let intent: Intent }

/// The invocation of a line of words that is expected to be one.
func invocation(_ line: String, environment: [String: String] = [:]) throws -> Invocation {
    let intent = try sample.parse(words(line), environment: environment)
    guard case .run(let invocation) = intent else { throw NotRun(intent: intent) }
    return invocation
}

/// The error of a line of words that is expected to be refused.
func refusal(_ line: String, environment: [String: String] = [:]) -> UsageError? {
    do throws(UsageError) {
        _ = try sample.parse(words(line), environment: environment)
        return nil
    } catch {
        return error
    }
}

func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }
