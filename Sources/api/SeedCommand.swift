import App
import CLI
import FoundationEssentials
import SQLite
import Schema
import Synchronization

/// `api seed …`: parsing is `init`, work is `run`.
struct SeedCommand {
    private enum Action {
        case run(only: String?, isForced: Bool)
        case list
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
        folder = try invocation.string("seeds")
        isJSON = invocation.flag("json")
        self.console = console
        switch invocation.path.leaf.name {
        case "run": action = .run(only: invocation["specific"]?.text, isForced: invocation.flag("force"))
        case "list": action = .list
        default: action = .make(try invocation.string("NAME"))
        }
    }

    func run() throws {
        switch action {
        case .run(let name, let isForced): try run(only: name, isForced: isForced)
        case .list: try list()
        case .make(let name): try console.makeFile(named: name, in: folder, from: Seeder.template, isJSON: isJSON)
        }
    }

    private func run(only name: String?, isForced: Bool) throws {
        // Read first: in a wrong folder nothing must be made.
        let files = try SQLFile.all(in: folder)
        let names = try DurableDatabase.withDatabase(databasePath, replication) { database in
            let names = Mutex<[String]>([])
            try database.seed(files, only: name, isForced: isForced) { [isJSON, console] name in
                names.withLock { $0.append(name) }
                if !isJSON { console.message("✓ \(name) applied") }
            }
            return names.withLock { $0 }
        }
        let count = names.count
        var table = Table(["name", "result"])
        for name in names { table.add(.text(name), .text("applied")) }
        if isJSON { return try console.print(table, asJSON: true) }
        guard count == 0 else { return console.message("\(count) seed\(count == 1 ? "" : "s") applied.") }
        console.message("Nothing to do: \(name ?? "every seed") has run. (--force runs it again.)")
    }

    private func list() throws {
        let files = try SQLFile.all(in: folder)
        var table = Table(["name", "state", "applied"])
        for (name, applied) in try states(files) {
            table.add(.text(name), .text(applied == nil ? "pending" : "applied"), applied.map { .text($0) } ?? .none)
        }
        try console.print(table, asJSON: isJSON)
    }

    /// Looks without touching, as `migrate list` does.
    private func states(_ files: [SQLFile]) throws -> [(name: String, applied: String?)] {
        guard FileManager.default.fileExists(atPath: databasePath) else { return files.map { ($0.name, nil) } }
        do {
            return try Seeder(Connection(databasePath, .readOnly), gate: LocalGate(), files: files).list()
        } catch let error as SQLiteError {
            throw ServiceError(opening: databasePath, error)
        }
    }
}
