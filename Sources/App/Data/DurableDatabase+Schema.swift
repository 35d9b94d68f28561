import LTX
import Logging
import Replication
import SQLite
package import Schema
import Threads

extension DurableDatabase {
    /// Applies what is pending and puts in seeds, through the gate; another instance may do the same at the same time.
    ///
    /// - Returns: The newest migration there is a file for.
    func bringUp(_ migrates: Bool, _ migrations: [SQLFile], _ seeds: [SQLFile]?, _ logger: Logger) throws -> String {
        if migrates {
            try migrate(.up, migrations) {
                $0.pending
            } didRun: { migration in
                logger.log(.info, "migrated") { $0.add("migration", migration.name) }
            }
        }
        if let seeds {
            try seed(seeds) { name in
                logger.log(.info, "seeded") { $0.add("seed", name) }
            }
        }
        let plan = try database.read { try Migrator($0, gate: LocalGate(), files: migrations).plan() }
        if !plan.pending.isEmpty {
            logger.log(.warning, "migrations are pending") { $0.add("count", Int64(plan.pending.count)) }
        }
        return plan.pending.last?.name ?? plan.applied.last?.name ?? ""
    }

    /// Migrates, as ``Migrator/run(_:_:willRun:didRun:)`` does; `didRun` hears of what is durable.
    ///
    /// With a replica, the way up first records there how to go back.
    @discardableResult
    package func migrate(
        _ direction: Migrator.Direction,
        _ files: [SQLFile],
        _ choose: @escaping @Sendable (MigrationPlan) throws(SchemaError) -> [Migration],
        didRun: @escaping @Sendable (Migration) -> Void = { _ in }
    ) throws -> Int {
        let progress = RunProgress()
        return try database.exclusively { [backing] connection, gate in
            try Migrator(connection, gate: gate, files: files).run(direction, choose, resuming: progress) { name in
                if direction == .up { try backing?.recordRestorePoint(before: name) }
            } didRun: { migration in
                didRun(migration)
            }
        }
    }

    /// Puts in the seeds that have not run, as ``Seeder`` does.
    @discardableResult
    package func seed(
        _ files: [SQLFile],
        only name: String? = nil,
        isForced: Bool = false,
        didRun: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> Int {
        let progress = RunProgress()
        return try database.exclusively { connection, gate in
            try Seeder(connection, gate: gate, files: files)
                .run(only: name, isForced: isForced, resuming: progress, didRun: didRun)
        }
    }
}

extension Backing {
    /// How long the log may take to get what only the disk has.
    private var restorePointPatience: Duration { .seconds(30) }

    /// Records where in the log the database is; for the writer's thread, while nobody else can write.
    ///
    /// A log that has nothing yet has no state to go back to.
    fileprivate func recordRestorePoint(before migration: String) throws {
        guard asyncGate?.settle(within: restorePointPatience) ?? true else {
            throw ServiceError("no restore point before \(migration): the replica does not keep up")
        }
        guard let txid = log.position?.txid else { return }
        do {
            try waitFor { [store = replica.store] in
                try await RestorePoints(store).record(before: migration, txid)
            }
        } catch {
            throw ServiceError("no restore point before \(migration) could be recorded: \(error)")
        }
    }
}
