import APIRoutes
import CLinux
import Domain
import FoundationEssentials
import HTTP
import HTTPServer
package import Logging
import Metrics
import SQLite
import Schema
import Storage

/// The running service: restores, migrates, serves, and stops in the opposite order.
package final class Service: Sendable {
    private let data: DurableDatabase
    private let ports: Ports
    private let logger: Logger

    package var port: Int { ports.server.port }

    /// When this returns, clients are served.
    ///
    /// Where a restore may take a while, they are told meanwhile how far it is. The signals are held as soon as there is
    /// something that must be finished.
    package init(_ configuration: ServiceConfiguration, logger: Logger, signals: Signals) throws {
        Self.keepFreedMemory()
        self.logger = logger
        let metrics = ServiceMetrics(Registry())
        let readers = LoopReaders(logger)
        let progress = StartProgress()
        let handler = SwitchableHandler(BootAPI { progress.progress })
        let adminHandler = SwitchableHandler(BootAPI { progress.progress })
        let listen = { () throws(ListenError) in
            try Ports(configuration, handler, admin: adminHandler, readers.hooks)
        }

        // Read first: in a wrong folder nothing must be made.
        let files = try SchemaFiles(configuration)
        let earlyPorts = configuration.replication.durability == .local ? nil : try listen()
        if let earlyPorts { logger.log("waiting for the database", earlyPorts, configuration) }
        do {
            data = try Self.data(configuration, metrics, progress, logger)
        } catch {
            earlyPorts?.abandon()
            throw error
        }
        do {
            progress.migrate()
            let newest = try data.bringUp(configuration.migratesAtStart, files.migrations, files.seeds, logger)
            metrics.watch(data.database, at: data.file.path)
            let surface: API.Surface = configuration.adminPort == nil ? .all : .service
            let api = APIMaker(data, newest: newest, configuration, metrics.registry, logger)
            signals.hold()
            handler.change(to: api.make(surface))
            adminHandler.change(to: api.make(.operations))
            ports = try earlyPorts ?? listen()
        } catch {
            // What was begun is not left half done; the reason to stop is what counts.
            earlyPorts?.abandon()
            try? data.close(within: configuration.shutdownTimeout)
            throw error
        }
        readers.attach(ports, to: data.database)
        metrics.watch(ports.server)
        logger.log("listening", ports, configuration)
    }

    private static func data(
        _ configuration: ServiceConfiguration,
        _ metrics: ServiceMetrics,
        _ progress: StartProgress,
        _ logger: Logger
    ) throws -> DurableDatabase {
        var database = Database.Configuration()
        database.didRunBatch = metrics.didRunBatch
        database.writeTimeout = configuration.writeTimeout
        database.report = { failure in
            logger.log(.error, "database trouble") { $0.add("error", failure) }
        }
        return try DurableDatabase(
            configuration.databasePath,
            configuration.replication,
            database: database,
            registry: metrics.registry,
            logger: logger,
            progress: progress.restore
        )
    }

    /// Finishes what has begun, then closes the database, all within the limit.
    ///
    /// Nothing that was answered is lost even without it.
    package func stop(within limit: Duration) {
        logger.log(.info, "stopping")
        let start = ContinuousClock.now
        // Whoever waits for a bucket that does not answer is told so before the connections are cut.
        let patience = Task { [data] in
            guard (try? await Task.sleep(for: limit / 2)) != nil else { return }
            data.giveUpWrites()
        }
        defer { patience.cancel() }
        let cutOffCount = ports.drain(within: limit * 3 / 5)
        do { try data.close(within: max(limit / 5, limit * 4 / 5 - (ContinuousClock.now - start))) } catch {
            logger.log(.error, "the database was not closed in order") { $0.add("error", "\(error)") }
        }
        ports.stop()
        logger.log(cutOffCount == 0 ? .info : .warning, "stopped") { $0.add("cut_off", Int64(cutOffCount)) }
    }

    /// Makes glibc keep memory that is free for a moment.
    ///
    /// By default it gives it back to the kernel as soon as 128 KiB lie free at a heap's end, and faults it in again for
    /// the next list: under load that costs more than making the list.
    private static func keepFreedMemory() {
        mallopt(M_TRIM_THRESHOLD, 8 << 20)
    }
}

/// What the schema is made of.
private struct SchemaFiles {
    let migrations: [SQLFile]
    let seeds: [SQLFile]?

    init(_ configuration: ServiceConfiguration) throws(SchemaError) {
        migrations = try SQLFile.all(in: configuration.migrationsPath)
        seeds = try configuration.seedsPath.map { folder throws(SchemaError) in try SQLFile.all(in: folder) }
    }
}

/// Puts the API together over a database that is ready for it.
private struct APIMaker {
    private let data: DurableDatabase
    private let newest: String
    private let access: AccessPolicy
    private let freshness: any ReadFreshness
    private let report: StatusReport
    private let registry: Registry
    private let logger: Logger

    init(
        _ data: DurableDatabase,
        newest: String,
        _ configuration: ServiceConfiguration,
        _ registry: Registry,
        _ logger: Logger
    ) {
        (self.data, self.newest, self.registry, self.logger) = (data, newest, registry, logger)
        access = configuration.access
        freshness = data.freshness(maxStaleness: configuration.maxStaleness)
        report = StatusReport(data)
    }

    func make(_ surface: API.Surface) -> API {
        let now = { @Sendable in Timestamp(secondsSinceEpoch: Int64(Date().timeIntervalSince1970)) }
        return API(
            todos: SQLiteTodoRepository(data.database, now: now),
            users: SQLiteUserRepository(data.database, now: now),
            pastes: SQLitePasteRepository(data.database, now: now),
            readiness: { [data, newest] in data.readiness(newest: newest) },
            status: report.status,
            freshness: freshness,
            access: access,
            surface: surface,
            metrics: registry,
            logger: logger
        )
    }
}

extension Logger {
    /// Says where the service listens.
    fileprivate func log(_ message: StaticString, _ ports: Ports, _ configuration: ServiceConfiguration) {
        log(.info, message) { fields in
            fields.add("host", configuration.server.host)
            fields.add("port", Int64(ports.server.port))
            if let adminServer = ports.adminServer { fields.add("admin_port", Int64(adminServer.port)) }
            fields.add("database", configuration.databasePath)
            fields.add("version", Version.current)
        }
    }
}
