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

/// The running service: restores, migrates, serves, and stops in the opposite order.
package final class Service: Sendable {
    package let port: Int

    private let data: DurableDatabase
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
        let metrics = ServiceMetrics(Registry())
        var databaseConfiguration = Database.Configuration()
        databaseConfiguration.didRunBatch = metrics.didRunBatch
        databaseConfiguration.writeTimeout = configuration.writeTimeout
        databaseConfiguration.report = { failure in
            logger.log(.error, "database trouble") { $0.add("error", failure) }
        }
        data = try DurableDatabase(
            configuration.databasePath,
            configuration.replication,
            database: databaseConfiguration,
            registry: metrics.registry,
            logger: logger
        )
        let newest: String
        do {
            newest = try data.bringUp(configuration.migratesAtStart, migrations, seeds, logger)
        } catch {
            // What was begun is not left half done; the reason to stop is what counts.
            try? data.close(within: configuration.shutdownTimeout)
            throw error
        }
        let (file, database) = (data.file, data.database)
        metrics.watch(database, at: file.path)
        let now = { @Sendable in Timestamp(secondsSinceEpoch: Int64(Date().timeIntervalSince1970)) }
        let report = StatusReport(
            database: database,
            path: file.path,
            instanceID: String(UInt64.random(in: 1 ... .max), radix: 16),
            durability: data.durability.rawValue
        )
        let freshness = data.freshness(maxStaleness: configuration.maxStaleness)
        let api = { @Sendable [data] (surface: API.Surface) in
            API(
                todos: SQLiteTodoRepository(database, now: now),
                users: SQLiteUserRepository(database, now: now),
                pastes: SQLitePasteRepository(database, now: now),
                readiness: { Self.readiness(data, newest: newest) },
                status: report.status,
                freshness: freshness,
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
            try? data.close(within: configuration.shutdownTimeout)
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
        let cutOffCount = server.drain(within: limit * 3 / 5)
        _ = adminServer?.drain(within: .zero)
        do { try data.close(within: limit / 5) } catch {
            logger.log(.error, "the database was not closed in order") { $0.add("error", "\(error)") }
        }
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

    private static func readiness(_ data: DurableDatabase, newest: String) -> Readiness {
        if let halt = data.halt { return .notReady("Nothing can be written any more.", cause: halt) }
        do {
            let applied = try data.database.read { connection in
                // A database that was never migrated has no such table.
                let isMigrated = try connection.first(
                    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'"
                ) { _ in true }
                guard isMigrated == true else { return "" }
                return try connection.first("SELECT max(name) FROM schema_migrations") { $0.textOrNull(0) ?? "" } ?? ""
            }
            guard applied >= newest else { return .notReady("Migrations are pending.") }
            // Another instance has a newer version of the program: its schema may still have what this one uses.
            guard try applied == newest || data.database.read(StorageSchema.fits) else {
                return .notReady("The database has a newer schema, which this version does not know.")
            }
            return .ready(schema: applied, durability: data.durability.rawValue)
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
