import App
import CLI
import Replication
import Schema
import Torture

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
        subcommands: [
            serve, migrate, seed, doctor, health, replicate, status, restore, verify, databases, ltx, snapshots,
            generations, wal,
            torture, openapi, config, completions, version, .help,
        ]
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
            runs in one transaction together with its record: it is there whole, or not at all. With a replica, each \
            first records a restore point there, and `api restore --point before:<migration>` goes back to it: for an hour \
            in any case, and then for as long as a file of the replica ends at just that transaction, which is usually a \
            day. Where it was merged with later ones, `restore` refuses, and names the nearest earlier state. Points that \
            nothing leads to are removed with the snapshots before them.
            """,
        examples: [
            ("api migrate latest", "apply all that are pending"),
            ("api migrate make add_due_date", "begin a new one"),
            ("api migrate:latest", "the old colon form works too"),
        ],
        options: [database, migrations, json] + replication,
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
        options: [database, seeds, json] + replication,
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

    // MARK: Replicas

    private static let replicate = Command(
        "replicate",
        summary: "Replicate databases that other programs write.",
        discussion: """
            Follows the databases of a litestream.yml, or one that is named with its replicas, and keeps the replicas up \
            to date until SIGTERM or SIGINT; then it uploads what is left and exits 0. A second signal exits at once. With \
            --exec it runs a program meanwhile, passes signals on to it, and exits with its exit code.
            """,
        examples: [
            ("api replicate --config litestream.yml", "what a configuration says"),
            ("api replicate /data/app.db s3://bucket/app", "one database"),
            ("api replicate --exec 'app --port 80' /data/app.db s3://bucket/app", "for as long as the app runs"),
        ],
        options: [
            Option("exec", .value("COMMAND"), help: "Run this, split into words as a shell does."),
            Option("once", .flag, help: "Bring the replicas up to date and exit."),
            Option(
                "log-level",
                .value("LEVEL"),
                environment: ["LOG_LEVEL"],
                completion: .choices(ServeCommand.LogLevelName.allCases.map(\.rawValue)),
                help: "Log nothing that matters less; info by default."
            ),
            litestreamConfig, noExpandEnv,
        ],
        positionals: [
            Positional("DB", .optional, completion: .file, help: "A database; its replicas follow."),
            Positional("URL", .repeated, help: "Replicas: file://, s3://, gs:// or abs://."),
        ]
    )

    private static let status = Command(
        "status",
        summary: "Show how far databases are replicated.",
        discussion: "Exits 1 if a replica cannot be read.",
        options: [litestreamConfig, noExpandEnv, json],
        positionals: [Positional("DB", .repeated, completion: .file, help: "Only these of the configuration.")]
    )

    private static let restore = Command(
        "restore",
        summary: "Rebuild a database from its replica.",
        discussion: """
            Reads replicas of Litestream 0.5 and 0.3. The database is made in a file beside its place and gets its \
            name when it is complete and checked; a failure or Ctrl-C leaves nothing behind. Exits 0 only when the \
            database is there, or one of the --if options says that its absence is fine.
            """,
        examples: [
            ("api restore -o app.db s3://bucket/app", "the newest state"),
            ("api restore --timestamp 2026-11-21T00:21:30Z -o app.db file:///backup/app", "the state at a time"),
            ("api restore --point before:20261101090100_create_users -o app.db s3://bucket/app", "before a migration"),
            ("api restore --config litestream.yml /data/app.db", "where and from what a configuration says"),
            ("api restore --if-db-not-exists --if-replica-exists /data/app.db", "at the start of a container"),
            ("api restore -f -o copy.db s3://bucket/app", "a copy that follows, for readers"),
        ],
        options: [
            Option("output", .value("PATH"), aliases: ["o"], completion: .file, help: "Where to; a URL needs it."),
            replica,
            Option("txid", .value("TXID"), help: "The state after this transaction; 16 hexadecimal digits."),
            Option(
                "point",
                .value("NAME"),
                help: "The state before a migration: before:<migration>. Merged with later ones, it is refused."
            ),
            Option("timestamp", .value("TIME"), help: "The state at this time, as RFC 3339 writes it."),
            Option("generation", .value("NAME"), help: "Litestream 0.3: from this generation."),
            Option("index", .value("HEX"), help: "Litestream 0.3: the state at the end of this WAL file."),
            Option("if-db-not-exists", .flag, help: "Exit 0 at once if the database is there."),
            Option("if-replica-exists", .flag, help: "Exit 0 if there is no replica; not if it cannot be read."),
            Option("force", .flag, help: "Replace a database that is there; nothing may have it open."),
            Option(
                "parallelism",
                .value("COUNT", default: "\(Restorer.parallelismDefault)"),
                help: "Requests at a time."
            ),
            Option(
                "integrity-check",
                .value("HOW", default: IntegrityCheck.quick.rawValue),
                completion: .choices(IntegrityCheck.allCases.map(\.rawValue)),
                help: "What SQLite checks before the database gets its name."
            ),
            Option("dry-run", .flag, help: "Only show what would be fetched."),
            Option("follow", .flag, aliases: ["f"], help: "Then keep it up to date for readers, until Ctrl-C."),
            Option("follow-interval", .value("TIME", default: "1s"), help: "How often to look for what is new."),
            Option("verbose", .flag, aliases: ["v"], help: "Tell more."),
            litestreamConfig, noExpandEnv, json,
        ],
        positionals: [replicaArgument]
    )

    private static let verify = Command(
        "verify",
        summary: "Prove that the service's replica can be restored.",
        discussion: """
            Restores the newest state to a temporary file beside the database, lets SQLite check all of it, and compares \
            it page by page with the database, where that is known to be at the same transaction: after a clean shutdown. \
            A service that runs can do it itself, with --verify-interval. Exits 1 if anything is wrong. Of several \
            replicas each is verified.
            """,
        examples: [("api verify --replica s3://bucket/app", "can this be restored, and is it whole?")],
        options: [database, json] + replication
    )

    private static let databases = Command(
        "databases",
        summary: "List the databases of a litestream.yml.",
        options: [litestreamConfig, noExpandEnv, json]
    )

    private static let ltx = Command(
        "ltx",
        summary: "List the LTX files of a replica.",
        examples: [("api ltx --level all s3://bucket/app", "also those that were compacted, and snapshots")],
        options: [
            Option(
                "level",
                .value("LEVEL", default: "0"),
                completion: .choices((0...9).map(String.init) + ["all"]),
                help: "0 for single transactions, 9 for snapshots, or all."
            ),
            replica, litestreamConfig, noExpandEnv, json,
        ],
        positionals: [replicaArgument]
    )

    private static let snapshots = Command(
        "snapshots",
        summary: "List the snapshots of a replica.",
        options: [replica, litestreamConfig, noExpandEnv, json],
        positionals: [replicaArgument]
    )

    private static let generations = Command(
        "generations",
        summary: "List the generations of a Litestream 0.3 replica.",
        options: [replica, litestreamConfig, noExpandEnv, json],
        positionals: [replicaArgument]
    )

    private static let wal = Command(
        "wal",
        summary: "List the WAL segments of a Litestream 0.3 replica.",
        options: [
            Option("generation", .value("NAME"), help: "Only those of this generation."),
            replica, litestreamConfig, noExpandEnv, json,
        ],
        positionals: [replicaArgument]
    )

    private static let replicaArgument = Positional(
        "DB|URL",
        completion: .file,
        help: "A database of the configuration, or a replica: file://, s3://, gs:// or abs://."
    )

    private static let replica = Option("replica", .value("NAME"), help: "Only this replica of the database.")

    private static let litestreamConfig = Option(
        "config",
        .value("PATH"),
        completion: .file,
        help: "The litestream.yml; else LITESTREAM_CONFIG, else \(ReplicaSource.defaultConfigPath)."
    )

    private static let noExpandEnv = Option(
        "no-expand-env",
        .flag,
        help: "Leave $NAME in the configuration as it is."
    )

    private static let torture = Command(
        "torture",
        summary: "Try to make the service lose data, in a bucket of yours.",
        discussion: """
            Starts real services on a prefix of its own below the replica, writes to them, kills and freezes them, wipes \
            their disks, makes the store fail, and then compares what clients were told with what is there. Exits 0 if \
            all was kept and 1 if not. What it put into the bucket is deleted, unless it is evidence.
            """,
        examples: [
            ("api torture", "a minute, on a temporary folder"),
            ("api torture --replica s3://bucket/ci --instances 3 --duration 10m", "in earnest"),
            ("api torture --seed 42", "the schedule of another run again"),
        ],
        options: [
            Option("replica", .value("URL"), help: "The bucket; by default a temporary folder."),
            Option("duration", .value("TIME", default: "60s"), help: "How long to write."),
            Option("seed", .value("N"), help: "Decides the schedule; by default another one each time."),
            Option("instances", .value("COUNT", default: "2"), help: "Services at a time on the one prefix, 1 to 3."),
            Option("clients", .value("COUNT", default: "8"), help: "Clients at a time."),
            Option(
                "faults",
                .value("HOW", default: Schedule.FaultLevel.all.rawValue),
                completion: .choices(Schedule.FaultLevel.allCases.map(\.rawValue)),
                help: "How badly the store and the machine behave."
            ),
            Option("freeze", .value("TIME", default: "8s"), help: "How long a process stands still when it does."),
            Option(
                "durability",
                .value("MODE", default: TortureCommand.Durability.replicated.rawValue),
                completion: .choices(TortureCommand.Durability.allCases.map(\.rawValue)),
                help: "local has no replica, and the disk is kept: only kills and freezes."
            ),
            Option(
                "lie",
                .value("FAULT"),
                completion: .choices(TortureCommand.lies),
                help: "Make the store break its own promises, to see that it is noticed: this must exit 1."
            ),
            Option(
                "litestream",
                .value("PATH"),
                completion: .file,
                help: "A Litestream to restore with; else the one in PATH."
            ),
            Option("keep", .flag, help: "Delete nothing in the end."),
            migrations, json,
        ]
    )

    private static let health = Command(
        "health",
        summary: "Ask the service on this machine whether it is alive.",
        discussion: "For health checks in containers. Exits 0 if it is, and prints its answer.",
        examples: [("api health --ready", "can it do its work? what is it restoring?")],
        options: [host, port, Option("ready", .flag, help: "Ask whether it is ready; not while it restores.")]
    )

    private static let doctor = Command(
        "doctor",
        summary: "Check what the service will depend on: the data folder, the replica, clocks and certificates.",
        discussion: """
            Writes, reads and removes small objects of its own below the replica's prefix. Exits 1 when something \
            would keep the service from running safely; each line says what to do.
            """,
        examples: [("api doctor --replica s3://bucket/app", "may we use this bucket, and does it keep its promises?")],
        options: [database, shutdownTimeout, json] + replication
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
            Positional("SHELL", completion: .choices(Shell.allCases.map(\.rawValue)), help: "The shell to complete in.")
        ]
    )

    private static let version = Command("version", summary: "Show the version.")

    // MARK: Options

    private static let host = Option(
        "host",
        .value("ADDRESS", default: "0.0.0.0"),
        environment: ["HOST"],
        help: "Where to listen."
    )

    private static let port = Option(
        "port",
        .value("PORT", default: "8080"),
        environment: ["PORT"],
        help: "0 takes any free port."
    )

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

    private static let shutdownTimeout = limit("shutdown-timeout", "TIME", "5s", "From SIGTERM to the end.")

    /// Where writes go besides the disk, for all commands that write to the service's database.
    private static let replication = [
        Option(
            "replica",
            .value("URL"),
            environment: ["REPLICA_URL", "DB_REPLICA_URL"],
            isRepeatable: true,
            help: "Where every commit goes: file://, s3://, gs:// or abs://. The first decides, others follow."
        ),
        Option(
            "config",
            .value("PATH"),
            completion: .file,
            help: "A litestream.yml that names the database's replicas, instead of --replica."
        ),
        noExpandEnv,
        Option(
            "durability",
            .value("MODE"),
            environment: ["DURABILITY"],
            completion: .choices(ReplicationConfiguration.Durability.allCases.map(\.rawValue)),
            help: "What a 2xx means: in the replica (the default with one), on this disk with the replica to follow, "
                + "or on this disk."
        ),
        Option(
            "require-replica",
            .flag,
            environment: ["REQUIRE_REPLICA"],
            help: "Refuse to begin an empty database: for every start but the first."
        ),
        Option(
            "single-writer",
            .value("assumed"),
            environment: ["SINGLE_WRITER"],
            completion: .choices(["assumed"]),
            help: "You guarantee that nothing else writes, for a store that ignores conditional writes."
        ),
        Option(
            "sync-interval",
            .value("TIME", default: "1s"),
            environment: ["SYNC_INTERVAL", "DB_SYNC_INTERVAL"],
            help: "With --durability async: how long after a commit it is sent at the latest."
        ),
    ]

    static let serveOptions =
        [
            host, port,
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
                help: "Log nothing that matters less."
            ),
            Option(
                "log-format",
                .value("FORMAT", default: "auto"),
                environment: ["LOG_FORMAT"],
                completion: .choices(ServeCommand.LogFormatName.allCases.map(\.rawValue)),
                help: "auto is text on a terminal, else json."
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
            Option(
                "max-staleness",
                .value("TIME"),
                environment: ["MAX_STALENESS"],
                help:
                    "Before a read, ask the replica for others' writes if that was longer ago; without it, only X-Min-TXID asks."
            ),
            Option(
                "verify-interval",
                .value("TIME"),
                environment: ["VERIFY_INTERVAL"],
                help: "How often to restore the replica beside the database, if something was written, and compare; "
                    + "needs room for a second database."
            ),
            shutdownTimeout,
        ] + replication + accessOptions

    /// A bound, whose environment variable is its name.
    private static func limit(_ name: String, _ placeholder: String, _ value: String, _ help: String) -> Option {
        let variable = String(name.uppercased().map { $0 == "-" ? "_" : $0 })
        return Option(name, .value(placeholder, default: value), environment: [variable], help: help)
    }
}
