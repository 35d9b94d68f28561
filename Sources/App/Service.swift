import APIRoutes
import CLinux
import Domain
import FoundationEssentials
import HTTPServer
package import Logging
import Metrics
import SQLite
import Schema
import Storage

/// The running service: restores nothing yet, migrates, serves, and stops in the opposite order.
package final class Service: Sendable {
    package let port: Int

    private let file: DatabaseFile
    private let database: Database
    private let server: Server
    private let adminServer: Server?
    private let logger: Logger

    /// When this returns, clients are served.
    ///
    /// The signals are held as soon as there is something that must be finished.
    package init(_ configuration: ServiceConfiguration, logger: Logger, signals: Signals) throws {
        Self.keepFreedMemory()
        self.logger = logger
        // Read first: in a wrong folder nothing must be made.
        let migrations = try SQLFile.all(in: configuration.migrationsPath)
        let seeds = try configuration.seedsPath.map { folder throws(SchemaError) in try SQLFile.all(in: folder) }
        file = try DatabaseFile(configuration.databasePath)
        let connection = try file.connect()
        let migrator = try Migrator(connection, gate: LocalGate(), files: migrations)
        if configuration.migratesAtStart { try Self.migrate(migrator, logger) }
        if let seeds { try Self.seed(Seeder(connection, gate: LocalGate(), files: seeds), logger) }
        let newest = try Self.newestMigration(migrator, logger)

        let metrics = ServiceMetrics(Registry())
        var databaseConfiguration = Database.Configuration()
        databaseConfiguration.didRunBatch = metrics.didRunBatch
        databaseConfiguration.writeTimeout = configuration.writeTimeout
        databaseConfiguration.report = { failure in
            logger.log(.error, "database trouble") { $0.add("error", failure) }
        }
        do throws(SQLiteError) {
            database = try Database(file.path, configuration: databaseConfiguration)
        } catch {
            throw ServiceError(opening: file.path, error)
        }
        metrics.watch(database, at: file.path)
        let now = { @Sendable in Timestamp(secondsSinceEpoch: Int64(Date().timeIntervalSince1970)) }
        let report = StatusReport(
            database: database,
            path: file.path,
            instanceID: String(UInt64.random(in: 1 ... .max), radix: 16),
            durability: "local"
        )
        let api = { @Sendable [database] (surface: API.Surface) in
            API(
                todos: SQLiteTodoRepository(database, now: now),
                users: SQLiteUserRepository(database, now: now),
                pastes: SQLitePasteRepository(database, now: now),
                readiness: { Self.readiness(database, newest: newest) },
                status: report.status,
                access: configuration.access,
                surface: surface,
                metrics: metrics.registry,
                logger: logger
            )
        }
        signals.hold()
        let hooks = Self.hooks(database, logger)
        do {
            let surface: API.Surface = configuration.adminPort == nil ? .all : .service
            server = try Server(configuration.server, handler: api(surface), hooks: hooks)
            adminServer = try configuration.adminServer.map { configuration throws(ListenError) in
                try Server(configuration, handler: api(.operations), hooks: hooks)
            }
        } catch {
            database.close()
            throw error
        }
        metrics.watch(server)
        port = server.port
        logger.log(.info, "listening") { fields in
            fields.add("host", configuration.server.host)
            fields.add("port", Int64(server.port))
            if let adminServer { fields.add("admin_port", Int64(adminServer.port)) }
            fields.add("database", file.path)
            fields.add("version", Version.current)
        }
    }

    /// Finishes what has begun, then closes the database, all within the limit.
    ///
    /// Nothing that was answered is lost even without it.
    package func stop(within limit: Duration) {
        logger.log(.info, "stopping")
        let cutOffCount = server.drain(within: limit * 4 / 5)
        _ = adminServer?.drain(within: .zero)
        database.close()
        server.stop()
        adminServer?.stop()
        logger.log(cutOffCount == 0 ? .info : .warning, "stopped") { $0.add("cut_off", Int64(cutOffCount)) }
    }

    /// Makes glibc keep memory that is free for a moment.
    ///
    /// By default it gives it back to the kernel as soon as 128 KiB lie free at a heap's end, and faults it in again for
    /// the next list: under load that costs more than making the list.
    private static func keepFreedMemory() {
        mallopt(M_TRIM_THRESHOLD, 8 << 20)
    }

    private static func migrate(_ migrator: Migrator, _ logger: Logger) throws {
        _ = try migrator.run(.up) {
            $0.pending
        } didRun: { migration in
            logger.log(.info, "migrated") { $0.add("migration", migration.name) }
        }
    }

    private static func seed(_ seeder: Seeder, _ logger: Logger) throws {
        _ = try seeder.run { name in
            logger.log(.info, "seeded") { $0.add("seed", name) }
        }
    }

    /// The newest migration there is a file for.
    private static func newestMigration(_ migrator: Migrator, _ logger: Logger) throws -> String {
        let plan = try migrator.plan()
        if !plan.pending.isEmpty {
            logger.log(.warning, "migrations are pending") { $0.add("count", Int64(plan.pending.count)) }
        }
        return plan.pending.last?.name ?? plan.applied.last?.name ?? ""
    }

    private static func readiness(_ database: Database, newest: String) -> Readiness {
        do {
            let applied = try database.read { connection in
                // A database that was never migrated has no such table.
                let isMigrated = try connection.first(
                    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'"
                ) { _ in true }
                guard isMigrated == true else { return "" }
                return try connection.first("SELECT max(name) FROM schema_migrations") { $0.textOrNull(0) ?? "" } ?? ""
            }
            guard applied == newest else { return .notReady("Migrations are pending.") }
            return .ready(schema: applied, durability: "local")
        } catch {
            return .notReady("The database does not answer.", cause: "\(error)")
        }
    }

    private static func hooks(_ database: Database, _ logger: Logger) -> LoopHooks {
        var hooks = LoopHooks()
        hooks.starts = { loop in
            do {
                try database.attachThread(deliver: loop.submit)
            } catch {
                // It serves all the same, with the reader that all threads share.
                logger.log(.warning, "a thread has no reader of its own") { $0.add("error", "\(error)") }
            }
        }
        hooks.turnEnds = database.endSnapshot
        hooks.stops = database.detachThread
        return hooks
    }
}
