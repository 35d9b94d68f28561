import CLI
import Schema

/// Every command and option there is; parsing, help and completions come from here.
enum CommandTree {
    static let root = Command(
        "api",
        summary: "A tasks and users REST API on SQLite.",
        discussion: "Holdfast keeps its data in one SQLite file beside it, and brings the file's schema along.",
        examples: [
            ("api serve", "serve on port 8080, with data/holdfast.db"),
            ("api migrate latest", "bring the database to the newest schema"),
            ("api seed", "put in the example rows"),
        ],
        options: [.help, .version],
        subcommands: [serve, migrate, seed, openapi, config, completions, version, .help]
    )

    private static let serve = Command(
        "serve",
        summary: "Migrate the database, then serve the API.",
        discussion: """
            Runs until SIGTERM or SIGINT, then finishes what has begun and exits 0; a second signal exits at once.
            """,
        examples: [
            ("api serve", "serve on port 8080"),
            ("PORT=3000 api serve --db /var/lib/holdfast/app.db", "settings come from options, then the environment"),
        ],
        options: serveOptions
    )

    private static let migrate = Command(
        "migrate",
        summary: "Change the database's schema.",
        discussion: """
            Migrations are files <timestamp>_<name>.sql with a `-- migrate:up` and a `-- migrate:down` section. Each \
            runs in one transaction together with its record: it is there whole, or not at all.
            """,
        examples: [
            ("api migrate latest", "apply all that are pending"),
            ("api migrate make add_due_date", "begin a new one"),
            ("api migrate:latest", "the old colon form works too"),
        ],
        options: [database, migrations, json],
        subcommands: [
            Command("latest", summary: "Apply all pending migrations, in order."),
            Command(
                "up",
                summary: "Apply the next migration.",
                examples: [("api migrate up 20261101090100_create_users", "apply all up to and including this one")],
                positionals: [
                    Positional("NAME", .optional, help: "Apply all up to and including this one.")
                ]
            ),
            Command(
                "down",
                summary: "Undo the last migration.",
                examples: [("api migrate down 20261101090000_create_tasks", "undo all that came after this one")],
                positionals: [Positional("NAME", .optional, help: "Undo all that came after this one.")]
            ),
            Command(
                "rollback",
                summary: "Undo all migrations.",
                examples: [("api migrate rollback --all", "drop everything that migrations made")],
                options: [Option("all", .flag, help: "Say that you mean it: all tables and their rows go.")]
            ),
            Command(
                "list",
                summary: "Show what ran when, and what is pending.",
                options: [Option("fail-on-pending", .flag, help: "Exit 1 if a migration is pending.")]
            ),
            Command(
                "make",
                summary: "Make a new migration file from a template.",
                examples: [("api migrate make add_due_date", "Migrations/<now>_add_due_date.sql")],
                positionals: [Positional("NAME", help: "What it does, such as add_due_date.")]
            ),
        ]
    )

    private static let seed = Command(
        "seed",
        summary: "Put example rows into the database.",
        discussion: "Seeds are files <timestamp>_<name>.sql. Each runs once; that is recorded.",
        examples: [
            ("api seed", "run the seeds that have not run"),
            ("api seed run --specific 20261101090100_users --force", "run one again"),
        ],
        options: [database, seeds, json],
        subcommands: [
            Command(
                "run",
                summary: "Run the seeds that have not run yet.",
                options: [
                    Option("specific", .value("NAME"), help: "Run only this one."),
                    Option("force", .flag, help: "Run also those that have run."),
                ]
            ),
            Command("list", summary: "Show which seeds ran when."),
            Command(
                "make",
                summary: "Make a new seed file from a template.",
                positionals: [Positional("NAME", help: "What is in it, such as more_users.")]
            ),
        ],
        defaultSubcommand: "run"
    )

    private static let openapi = Command(
        "openapi",
        summary: "Print the OpenAPI 3.1 document of the API.",
        examples: [("api openapi > openapi.json", "for a client generator")]
    )

    private static let config = Command(
        "config",
        summary: "Show the effective settings.",
        subcommands: [
            Command(
                "print",
                summary: "Show what `serve` would run with, and where each value comes from.",
                discussion: "Takes the same options and environment variables as `serve`. Secrets are masked.",
                examples: [("PORT=3000 api config print", "3000, from the environment")],
                options: serveOptions + [json]
            )
        ]
    )

    private static let completions = Command(
        "completions",
        summary: "Print a completion script for your shell.",
        examples: [
            ("api completions bash > /etc/bash_completion.d/api", "for bash"),
            ("api completions zsh > \"${fpath[1]}/_api\"", "for zsh"),
            ("api completions fish > ~/.config/fish/completions/api.fish", "for fish"),
        ],
        positionals: [
            Positional("SHELL", completion: .choices(Shell.allCases.map(\.rawValue)), help: "bash, zsh or fish.")
        ]
    )

    private static let version = Command("version", summary: "Show the version.")

    // MARK: Options

    private static let database = Option(
        "db",
        .value("PATH", default: "data/holdfast.db"),
        environment: ["DB_PATH"],
        completion: .file,
        help: "The SQLite file; made if there is none."
    )

    private static let migrations = Option(
        "migrations",
        .value("FOLDER", default: "Migrations"),
        environment: ["MIGRATIONS_PATH"],
        completion: .folder,
        help: "The migration files."
    )

    private static let seeds = Option(
        "seeds",
        .value("FOLDER", default: "Seeds"),
        environment: ["SEEDS_PATH"],
        completion: .folder,
        help: "The seed files."
    )

    private static let json = Option("json", .flag, help: "Write JSON, for programs.")

    static let serveOptions = [
        Option("host", .value("ADDRESS", default: "0.0.0.0"), environment: ["HOST"], help: "Where to listen."),
        Option("port", .value("PORT", default: "8080"), environment: ["PORT"], help: "0 takes any free port."),
        database,
        migrations,
        Option(
            "migrate",
            .toggle(default: true),
            environment: ["MIGRATE"],
            help: "Apply pending migrations at start; without it /readyz tells of them."
        ),
        Option(
            "seeds",
            .value("FOLDER"),
            environment: ["SEEDS_PATH"],
            completion: .folder,
            help: "Run these seeds at start, each once; none by default."
        ),
        Option(
            "log-level",
            .value("LEVEL", default: "info"),
            environment: ["LOG_LEVEL"],
            completion: .choices(ServeCommand.LogLevelName.allCases.map(\.rawValue)),
            help: "debug, info, warning or error."
        ),
        Option(
            "log-format",
            .value("FORMAT", default: "auto"),
            environment: ["LOG_FORMAT"],
            completion: .choices(ServeCommand.LogFormatName.allCases.map(\.rawValue)),
            help: "json, text, or auto: text on a terminal."
        ),
        limit("max-connections", "COUNT", "8192", "Connections at a time; more are answered 503."),
        limit("max-connections-per-address", "COUNT", "4096", "The same for one client address."),
        limit("max-in-flight", "COUNT", "4096", "Requests waiting for their write; more are answered 503."),
        limit("max-buffered", "SIZE", "256MiB", "Memory for requests half read and answers half sent."),
        limit("max-header", "SIZE", "16KiB", "Request line and headers; more is answered 431."),
        limit("head-timeout", "TIME", "10s", "For a request's line and headers, in all."),
        limit("body-timeout", "TIME", "60s", "For a request's body, in all."),
        limit("idle-timeout", "TIME", "75s", "For the next request on a kept connection."),
        limit("send-timeout", "TIME", "60s", "For a client to take an answer, in all."),
        limit("write-timeout", "TIME", "10s", "For a change to be durable; then 503."),
        limit("shutdown-timeout", "TIME", "5s", "From SIGTERM to the end."),
    ]

    /// A bound, whose environment variable is its name.
    private static func limit(_ name: String, _ placeholder: String, _ value: String, _ help: String) -> Option {
        let variable = String(name.uppercased().map { $0 == "-" ? "_" : $0 })
        return Option(name, .value(placeholder, default: value), environment: [variable], help: help)
    }
}
