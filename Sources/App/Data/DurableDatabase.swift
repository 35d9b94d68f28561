package import Domain
import Files
import FoundationEssentials
import LTX
package import Logging
package import Metrics
import ObjectStore
package import Replication
package import SQLite
import Threads

/// The service's database and what makes its commits durable, opened in the order that loses nothing: the lock, the
/// log, the file, the gate.
package final class DurableDatabase: Sendable {
    package let file: DatabaseFile
    package let database: Database
    package let durability: ReplicationConfiguration.Durability
    let backing: Backing?

    /// Opens the database of `configuration`, restored from its replica where there is one.
    ///
    /// `progress` tells others how far a restore has come.
    package init(
        _ path: String,
        _ configuration: ReplicationConfiguration,
        database databaseConfiguration: Database.Configuration,
        registry: Registry,
        logger: Logger,
        progress: RestoreProgress = RestoreProgress()
    ) throws {
        // Before anything else: two processes that restore into one folder would mix two databases.
        file = try DatabaseFile(path)
        durability = configuration.durability
        guard configuration.durability != .local else {
            backing = nil
            try Self.leaveLog(file.path, isWanted: configuration.leavesLog)
            database = try Self.open(file.path, LocalGate(), databaseConfiguration)
            return
        }
        let replicas = try ReplicaStore.open(
            configuration.replicas,
            variables: ProcessInfo.processInfo.environment,
            registry: registry,
            logger: logger
        )
        let booted = try Self.boot(file.path, replicas[0], configuration, logger, progress)
        let metrics = ReplicationMetrics(registry, replica: replicas[0].name)
        metrics.restoreSeconds.set(booted.restoreSeconds)
        var timing = LogTiming()
        // Writes wait meanwhile, and must still have time for their own.
        timing.questionPatience = min(Self.questionPatienceMax, databaseConfiguration.writeTimeout / 2)
        let fencedLog = FencedLog(
            replicas[0].store,
            layout: booted.layout,
            from: booted.start,
            timing: timing,
            takesTurns: configuration.durability == .replicated,
            didHappen: metrics.note
        )
        let log = ObservedLog(fencedLog, metrics)
        try Self.begin(file.path, replicas[0], booted, log.log, configuration, logger)
        // Once the first transaction is there, the database is a copy of what the log has.
        log.addListener { [path = file.path, url = replicas[0].url] logged in
            guard logged.position.txid.rawValue == 1 else { return }
            do throws(FileError) { try DatabaseOrigin.write(url, beside: path) } catch {
                // Then the next restore keeps this database under another name.
                logger.log(.warning, "the origin of the database was not noted") { $0.add("error", "\(error)") }
            }
        }
        let gates = Gates(log, file.path, replicas[0], booted.layout, configuration, databaseConfiguration, logger)
        let asyncGate = gates.asyncGate
        ReplicationMetrics.watchLag(registry, replica: replicas[0].name) { asyncGate?.lag ?? .zero }
        var databaseConfiguration = databaseConfiguration
        databaseConfiguration.removesLogAtClose = true
        let (file, database) = (file, try Self.open(file.path, gates.gate, databaseConfiguration))
        self.database = database
        if booted.mustAdopt { try database.adopt() }
        let source = SnapshotSource(database, at: file.path, log.log, asyncGate)
        let upkeep = Upkeep(replicas[0], booted.layout, of: source, metrics, logger) { [log] key in
            log.log.noteBase(key)
        }
        if booted.listing.isWhole { upkeep.learn(booted.listing) }
        log.addListener(upkeep.note)
        let followers = replicas.dropFirst().map { follower in
            Follower(follower, of: replicas[0], booted.layout, source, registry, logger)
        }
        for follower in followers { log.addListener(follower.offer) }
        backing = Backing(
            replica: replicas[0],
            log: log,
            asyncGate: asyncGate,
            shippingGate: gates.shippingGate,
            upkeep: upkeep,
            followers: followers,
            proofs: try Self.proofs(file.path, replicas[0], source, configuration.proofInterval, registry, logger),
            logger: logger
        )
    }

    // MARK: The way up

    private struct Booted: Sendable {
        let start: LogStart
        let layout: ReplicaLayout
        /// The local database has commits that the log lacks.
        let mustResume: Bool
        /// The local database is to be the log's first transaction.
        let mustAdopt: Bool
        let listing: ReplicaListing
        let restoreSeconds: Double
    }

    /// Probes the store and gets the database file to the end of the log, both at the same time.
    ///
    /// Nothing is written to the store before it is decided that the replica is the right one.
    private static func boot(
        _ path: String,
        _ replica: ReplicaStore,
        _ configuration: ReplicationConfiguration,
        _ logger: Logger,
        _ progress: RestoreProgress
    ) throws -> Booted {
        let boot = Boot(
            replica.store,
            replicaName: replica.url,
            layout: replica.layout,
            database: path,
            requiresReplica: configuration.requiresReplica
        )
        let start = ContinuousClock.now
        return try waitFor {
            let ticking = Task { await logger.log(progress) }
            defer { ticking.cancel() }
            let mark = ProbeMark(replica.store)
            async let isMarked = mark.isValid()
            do {
                let decision = try await boot.decide()
                let wasProbed = try await isMarked
                async let verdict = StoreProbe(replica.store).run(mark, isMarked: wasProbed)
                let result = try await boot.run(decision, progress: progress)
                try judge(try await verdict, replica, configuration, logger)
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                logger.log(result, replica.url, seconds: seconds)
                return Booted(
                    start: result.start,
                    layout: result.layout,
                    mustResume: result.plan.resumes,
                    mustAdopt: result.start.tip == nil && result.plan != .fresh,
                    listing: result.listing,
                    restoreSeconds: seconds
                )
            } catch let error as BootError {
                throw ServiceError("\(error)")
            } catch let error as ObjectStoreError {
                throw ServiceError("cannot use the replica: \(error)")
            }
        }
    }

    /// Gives the log what only the disk has, and notes whether there may be such again.
    private static func begin(
        _ path: String,
        _ replica: ReplicaStore,
        _ booted: Booted,
        _ log: FencedLog,
        _ configuration: ReplicationConfiguration,
        _ logger: Logger
    ) throws {
        if booted.mustResume {
            try waitFor {
                do throws(LocalCommitsError) {
                    try await LocalCommits.ship(path, to: log, within: resumePatience)
                } catch {
                    throw ServiceError("the commits that only \(path) has could not be added to the log: \(error)")
                }
            }
            logger.log(.info, "the log has what only the disk had") { fields in
                fields.add("txid", log.position.map { "\($0.txid)" } ?? "")
            }
        }
        do throws(FileError) {
            if configuration.durability == .async {
                let session = AsyncSession(replica: replica.url, writerID: log.writerID, start: log.position)
                try session.write(beside: path)
            } else {
                // Before the first write: what a crash leaves in the WAL then was promised to nobody.
                try AsyncSession.remove(beside: path)
            }
        } catch { throw ServiceError("cannot write beside the database: \(error)") }
    }

    /// How long all of a database may take to get into the log.
    private static let resumePatience = Duration.seconds(300)

    /// How long the log may take to say whether there is something newer.
    private static let questionPatienceMax = Duration.seconds(5)

    private static func judge(
        _ verdict: StoreProbe.Verdict,
        _ replica: ReplicaStore,
        _ configuration: ReplicationConfiguration,
        _ logger: Logger
    ) throws {
        guard case .overwrites(let how) = verdict else { return }
        guard configuration.assumesSingleWriter else {
            throw ServiceError(
                "\(replica.url) ignores conditional writes (\(how)), so two instances would overwrite each other there; "
                    + "use another store, or, if nothing else ever writes to it, say --single-writer=assumed"
            )
        }
        logger.log(.warning, "the replica ignores conditional writes; that nobody else writes is assumed") { fields in
            fields.add("replica", replica.url)
        }
    }

    private static func open(
        _ path: String,
        _ gate: any CommitGate,
        _ configuration: Database.Configuration
    ) throws -> Database {
        do throws(SQLiteError) { return try Database(path, gate: gate, configuration: configuration) } catch {
            throw ServiceError(opening: path, error)
        }
    }

    /// From now on the database may hold what its log does not: on the next start with the log it would be put aside.
    private static func leaveLog(_ path: String, isWanted: Bool) throws {
        let unwritable = { (error: FileError) in ServiceError("cannot write beside the database: \(error)") }
        let origin: String?
        do throws(FileError) { origin = try DatabaseOrigin.read(beside: path) } catch { throw unwritable(error) }
        guard let origin else { return }
        guard isWanted else {
            throw ServiceError(
                "\(path) is a copy of the log at \(origin): name that with --replica or REPLICA_URL, "
                    + "or say --durability local to go on without it"
            )
        }
        do throws(FileError) {
            try PositionRecord.remove(beside: path)
            try DatabaseOrigin.remove(beside: path)
        } catch { throw unwritable(error) }
    }

    private static func proofs(
        _ path: String,
        _ replica: ReplicaStore,
        _ source: SnapshotSource,
        _ interval: Duration?,
        _ registry: Registry,
        _ logger: Logger
    ) throws -> ProofSchedule? {
        let path = "\(path).proof"
        do throws(FileError) { try RestoreProof.removeLeftovers(at: path) } catch {
            throw ServiceError("cannot write beside the database: \(error)")
        }
        // Also where nothing is proven: what is asked for it can always be read.
        let metrics = ProofMetrics(registry)
        guard let interval else { return nil }
        return ProofSchedule(RestoreProof(replica.store, at: path), every: interval, against: source, metrics, logger)
    }

    /// For reads that must not miss what other instances have written.
    package func freshness(maxStaleness: Duration?) -> any ReadFreshness {
        guard let backing, durability == .replicated else { return LocalFreshness() }
        return LogFreshness(backing.log.log, database, maxStaleness: maxStaleness)
    }

    /// Why nothing is written any more, if so.
    package var halt: String? { backing?.log.log.halt.map { "\($0)" } }

    /// Answers all who still wait for a write, because the bucket takes longer than the end may.
    package func giveUpWrites() {
        guard let gate = backing?.shippingGate else { return }
        database.giveUpWrites()
        gate.giveUp()
    }

    /// Stops, with everything durable that was promised; the file is then where the log ends, and says so.
    ///
    /// Replicas that follow get what they lack, as far as the limit allows.
    package func close(within limit: Duration) throws {
        // A snapshot or a proof under way would keep the database open.
        backing?.cancelUpkeep()
        backing?.log.log.stopTakingTurns()
        let isWhole = database.close()
        try backing?.close(file.path, isWhole: isWhole, within: limit)
    }
}

/// The gate that a durability asks for.
private struct Gates {
    let gate: any CommitGate
    let asyncGate: AsyncGate?
    let shippingGate: ShippingGate?

    init(
        _ log: ObservedLog,
        _ path: String,
        _ replica: ReplicaStore,
        _ layout: ReplicaLayout,
        _ configuration: ReplicationConfiguration,
        _ databaseConfiguration: Database.Configuration,
        _ logger: Logger
    ) {
        guard configuration.durability == .async else {
            asyncGate = nil
            let shippingGate = ShippingGate(log, for: path, patience: databaseConfiguration.writeTimeout) { path in
                let start = try await LogRestore(replica.store, layout: layout).run(to: path)
                return { await log.log.rebase(on: start) }
            }
            (gate, self.shippingGate) = (shippingGate, shippingGate)
            return
        }
        var limits = AsyncGate.Limits()
        limits.interval = configuration.syncInterval
        limits.patience = databaseConfiguration.writeTimeout
        let asyncGate = AsyncGate(log, limits: limits, report: databaseConfiguration.report)
        (gate, self.asyncGate, shippingGate) = (asyncGate, asyncGate, nil)
    }
}

extension Logger {
    /// Tells how a database was got.
    fileprivate func log(_ result: Boot.Result, _ replica: String, seconds: Double) {
        let what: StaticString =
            switch result.plan {
            case .useLocal: "the local database is current"
            case .restore: "the database was restored"
            case .restoreGenerations: "the database was restored from a replica of Litestream 0.3"
            case .resume: "the local database has more than the log"
            case .adopt: "the local database begins a log"
            case .fresh: "a new database begins a log"
            case .refuse: preconditionFailure("a refusal is an error")
            }
        log(.info, what) { fields in
            fields.add("replica", replica)
            if let tip = result.start.tip { fields.add("txid", "\(tip.position.txid)") }
            if let path = result.asidePath { fields.add("kept_old_database_at", path) }
            fields.add("duration_ms", nanoseconds: Int64(seconds * 1_000_000_000))
        }
    }

    /// Tells every few seconds how far a restore has come.
    fileprivate func log(_ progress: RestoreProgress) async {
        while (try? await Task.sleep(for: .seconds(2))) != nil {
            let state = progress.state
            log(.info, "restoring") { fields in
                fields.add("phase", "\(state.phase)")
                fields.add("bytes", Int64(state.bytesFetched))
                fields.add("bytes_in_all", Int64(state.bytesPlanned))
            }
        }
    }
}
