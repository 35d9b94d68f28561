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
            examples: [.init("shop serve --port 9000", "On another port.")],
            options: [
                .value("port", "PORT", environment: ["PORT"], default: "8080", help: "The counter to listen at."),
                .value(
                    "db",
                    "PATH",
                    environment: ["DB_PATH"],
                    default: "data/shop.db",
                    completion: .file,
                    help: "The ledger."
                ),
                .value("stock", "FOLDER", completion: .folder, help: "Where the apples are."),
                .value(
                    "log-level",
                    "LEVEL",
                    environment: ["LOG_LEVEL"],
                    default: "info",
                    completion: .choices(["debug", "info", "error"]),
                    help: "What is worth a line, it's said."
                ),
                .value(
                    "replica",
                    "URL",
                    environment: ["REPLICA_URL", "DB_REPLICA_URL"],
                    isRepeatable: true,
                    help: "Where copies of the ledger go."
                ),
                .value("token", "TOKEN", environment: ["SHOP_TOKEN"], isSecret: true, help: "Who may enter."),
                .value("offset", "N", help: "Shelves to skip."),
                .toggle("migrate", environment: ["MIGRATE"], default: true, help: "Rearrange the shelves first."),
                .flag("quiet", environment: ["QUIET"], help: "No bell."),
            ]
        ),
        Command(
            "migrate",
            aliases: ["mig"],
            summary: "Rearrange the shelves.",
            options: [.value("shelves", "FOLDER", completion: .folder, help: "The plans.")],
            subcommands: [
                Command("latest", summary: "Carry out all plans."),
                Command("down", summary: "Undo a plan.", positionals: [.init("NAME", .optional, help: "The plan.")]),
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
                Command("run", summary: "Do it.", options: [.flag("force", help: "Even twice.")]),
                Command("list", summary: "Show what is there.", options: [.flag("json", help: "For programs.")]),
            ],
            defaultSubcommand: "run"
        ),
        Command(
            "restore",
            summary: "Copy the ledger back.",
            options: [
                .value("output", "PATH", aliases: ["o"], completion: .file, help: "Where to."),
                .flag("follow", aliases: ["f"], help: "Go on for ever."),
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
