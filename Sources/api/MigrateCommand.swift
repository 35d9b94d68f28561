import App
import CLI
import FoundationEssentials
import SQLite
import Schema
import Synchronization

/// `api migrate …`: parsing is `init`, work is `run`.
struct MigrateCommand {
    private enum Action {
        case latest
        case up(String?)
        case down(String?)
        case rollback
        case list(failsOnPending: Bool)
        case make(String)
    }

    private let action: Action
    private let databasePath: String
    private let replication: ReplicationConfiguration
    private let folder: String
    private let isJSON: Bool
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) throws {
        replication = try ServiceReplicas.configuration(invocation, console)
        databasePath = try invocation.string("db")
        folder = try invocation.string("migrations")
        isJSON = invocation.flag("json")
        self.console = console
        switch invocation.path.leaf.name {
        case "latest": action = .latest
        case "up": action = .up(invocation["NAME"]?.text)
        case "down": action = .down(invocation["NAME"]?.text)
        case "rollback":
            guard invocation.flag("all") else {
                throw invocation.usageError(
                    "rollback undoes every migration and drops every row",
                    hint: "Say that you mean it with --all; to undo one migration: api migrate down."
                )
            }
            action = .rollback
        case "list": action = .list(failsOnPending: invocation.flag("fail-on-pending"))
        default: action = .make(try invocation.string("NAME"))
        }
    }

    func run() throws -> ExitCode {
        switch action {
        case .latest: try run(.up) { plan in plan.pending }
        case .up(let name): try run(.up) { plan throws(SchemaError) in try plan.up(to: name) }
        case .down(let name): try run(.down) { plan throws(SchemaError) in try plan.down(to: name) }
        case .rollback: try run(.down) { plan throws(SchemaError) in try plan.rollback() }
        case .list(let failsOnPending): return try list(failsOnPending: failsOnPending)
        case .make(let name): try make(name)
        }
        return .success
    }

    private func run(
        _ direction: Migrator.Direction,
        _ choose: @escaping @Sendable (MigrationPlan) throws(SchemaError) -> [Migration]
    ) throws {
        // Read first: in a wrong folder nothing must be made.
        let files = try SQLFile.all(in: folder)
        let verb = direction == .up ? "applied" : "undone"
        let names = try DurableDatabase.withDatabase(databasePath, replication) { database in
            let names = Mutex<[String]>([])
            try database.migrate(direction, files, choose) { [isJSON, console] migration in
                names.withLock { $0.append(migration.name) }
                if !isJSON { console.message("✓ \(migration.name) \(verb)") }
            }
            return names.withLock { $0 }
        }
        let count = names.count
        var table = Table(["name", "result"])
        for name in names { table.add(.text(name), .text(verb)) }
        if isJSON { return try console.print(table, asJSON: true) }
        guard count == 0 else { return console.message("\(count) migration\(count == 1 ? "" : "s") \(verb).") }
        console.message(direction == .up ? "Nothing to apply: the schema is current." : "Nothing to undo.")
    }

    private func list(failsOnPending: Bool) throws -> ExitCode {
        let plan = try currentPlan()
        var table = Table(["name", "state", "applied"])
        for migration in plan.applied { table.add(.text(migration.name), .text("applied"), .text(migration.applied)) }
        for migration in plan.pending { table.add(.text(migration.name), .text("pending"), .none) }
        try console.print(table, asJSON: isJSON)
        guard failsOnPending, !plan.pending.isEmpty else { return .success }
        console.message("\(plan.pending.count) migration\(plan.pending.count == 1 ? " is" : "s are") pending.")
        return .failure
    }

    /// Looks without touching: no file is made, and a running service is not disturbed.
    private func currentPlan() throws -> MigrationPlan {
        let files = try SQLFile.all(in: folder)
        guard FileManager.default.fileExists(atPath: databasePath) else {
            let migrations = try files.map { file throws(SchemaError) in try Migration(file) }
            return try MigrationPlan(migrations, applied: [])
        }
        do {
            let connection = try Connection(databasePath, .readOnly)
            return try Migrator(connection, gate: LocalGate(), files: files).plan()
        } catch let error as SQLiteError {
            throw ServiceError(opening: databasePath, error)
        }
    }

    private func make(_ name: String) throws {
        try console.makeFile(named: name, in: folder, from: Migration.template, isJSON: isJSON)
    }
}

extension Console {
    /// Makes a migration or seed file and prints its path.
    func makeFile(named name: String, in folder: String, from template: String, isJSON: Bool) throws {
        let path = "\(folder)/\(try SQLFile.newName(name, at: Date())).sql"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(template.utf8).write(to: URL(filePath: path), options: .withoutOverwriting)
        } catch {
            throw ServiceError("cannot write \(path): \(fileFailureReason(error))")
        }
        guard isJSON else { return try write("\(path)\n") }
        var table = Table(["path"])
        table.add(.text(path))
        try print(table, asJSON: true)
    }
}
