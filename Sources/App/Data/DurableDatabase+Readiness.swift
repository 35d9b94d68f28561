import APIRoutes
import SQLite
import Storage

extension DurableDatabase {
    /// Whether it can do what this version of the program needs, whose newest migration is `newest`.
    func readiness(newest: String) -> Readiness {
        if let halt { return .notReady("Nothing can be written any more.", cause: halt) }
        do {
            let applied = try database.read { connection in
                // A database that was never migrated has no such table.
                let isMigrated = try connection.first(
                    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'"
                ) { _ in true }
                guard isMigrated == true else { return "" }
                return try connection.first("SELECT max(name) FROM schema_migrations") { $0.textOrNull(0) ?? "" } ?? ""
            }
            guard applied >= newest else { return .notReady("Migrations are pending.") }
            // Another instance has a newer version of the program: its schema may still have what this one uses.
            guard try applied == newest || database.read(StorageSchema.fits) else {
                return .notReady("The database has a newer schema, which this version does not know.")
            }
            return .ready(schema: applied, durability: durability.rawValue)
        } catch {
            return .notReady("The database does not answer.", cause: "\(error)")
        }
    }
}
