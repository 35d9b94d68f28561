import App
import CLI
import FoundationEssentials
import Glibc
import LitestreamConfiguration
import Logging
import ObjectStore
import Replication
import Threads

/// `api replicate`: parsing is `init`, work is `run`.
struct ReplicateCommand {
    /// A database and where it goes.
    struct Plan {
        var settings: DatabaseReplicator.Settings
        var replicas: [LitestreamConfiguration.Replica]
    }

    private enum Event {
        case signal(Int32)
        case childEnded(Int32)
        case replicatorsEnded
    }

    private static let signals = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]
    private static let endingSignals: Set<Int32> = [SIGTERM, SIGINT]
    /// Supervisors that signal a process and its group, as `timeout` does, ask once.
    private static let echoTime = Duration.milliseconds(50)
    private static let shutdownTimeoutDefault = Duration.seconds(30)

    private let plans: [Plan]
    private let global: LitestreamConfiguration.Global
    private let command: [String]?
    private let isOnce: Bool
    private let logLevel: LogLevel
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) throws {
        self.console = console
        isOnce = invocation.flag("once")
        let urls = invocation.all("URL").map(\.text)
        if let database = invocation["DB"]?.text {
            (plans, global) = ([try Self.plan(database, urls, invocation)], LitestreamConfiguration.Global())
        } else {
            let (configuration, path) = try ReplicaSource.configuration(invocation, console)
            for warning in configuration.withoutEffect { console.message("warning: \(path): \(warning)") }
            plans = configuration.databases.filter { !$0.replicas.isEmpty }.map(Self.plan)
            global = configuration.global
            guard !plans.isEmpty else { throw ServiceError("\(path) has no database with a replica") }
        }
        if let line = invocation["exec"]?.text ?? global.command {
            guard let words = ShellWords.split(line), !words.isEmpty else {
                throw invocation.usageError("the command to run is not one: a quote has no end, or there is nothing")
            }
            guard !isOnce else { throw invocation.usageError("--once and a command to run exclude each other") }
            command = words
        } else {
            command = nil
        }
        let level = invocation["log-level"]?.text ?? global.logLevel?.lowercased() ?? "info"
        guard let level = ServeCommand.LogLevelName(rawValue: level == "warn" ? "warning" : level) else {
            throw invocation.usageError("\(level) is no log level: use debug, info, warning or error")
        }
        logLevel = level.level
    }

    private static func plan(_ path: String, _ urls: [String], _ invocation: Invocation) throws -> Plan {
        guard invocation["config"] == nil else {
            throw invocation.usageError("a database on the command line and --config exclude each other")
        }
        guard !urls.isEmpty else {
            throw invocation.usageError("name at least one replica of \(path), such as s3://bucket/path")
        }
        let folder = FileManager.default.currentDirectoryPath
        var replicas: [LitestreamConfiguration.Replica] = []
        for (index, url) in urls.enumerated() {
            do {
                let settings = try StoreSettings(url: url)
                let name = urls.count == 1 ? settings.kind.rawValue : "\(settings.kind.rawValue)-\(index + 1)"
                replicas.append(LitestreamConfiguration.Replica(name: name, settings: settings))
            } catch { throw invocation.usageError("\(url) cannot be used: \(error)") }
        }
        let absolute = path.hasPrefix("/") ? path : "\(folder)/\(path)"
        return Plan(settings: DatabaseReplicator.Settings(path: absolute), replicas: replicas)
    }

    static func plan(_ database: LitestreamConfiguration.Database) -> Plan {
        var settings = DatabaseReplicator.Settings(path: database.path)
        settings.folder = database.metaPath
        settings.monitorInterval = database.monitorInterval ?? settings.monitorInterval
        settings.checkpointInterval = database.checkpointInterval ?? settings.checkpointInterval
        settings.checkpointPages = database.checkpointPages ?? settings.checkpointPages
        settings.truncatePages = database.truncatePages ?? settings.truncatePages
        settings.busyTimeout = database.busyTimeout ?? settings.busyTimeout
        settings.logBytesMax = database.logBytesMax ?? settings.logBytesMax
        return Plan(settings: settings, replicas: database.replicas)
    }

    // MARK: Running

    func run() throws -> ExitCode {
        let events = Monitor<[Event]>([], conditions: 1)
        let post: @Sendable (Event) -> Void = { event in
            events.withLock { $0.append(event) }
            events.signal(0)
        }
        // Before any thread starts.
        let watch = SignalWatch(Self.signals) { post(.signal($0)) }
        _ = watch
        let logger = Logger(level: logLevel, format: logFormat, descriptor: logDescriptor)
        defer { logger.close(within: .seconds(1)) }
        let counters = ReplicationCounters()
        let fleet = try ReplicatorFleet(plans, ReplicationLog(logger), counters, policy: policy)
        let endpoint = try global.metricsAddress.map { try MetricsEndpoint($0, counters.registry, logger) }
        defer { endpoint?.stop() }
        fleet.start { post(.replicatorsEnded) }
        var child: ChildProgram?
        if let command {
            do { child = try ChildProgram(command) { post(.childEnded($0)) } } catch {
                fleet.drain()
                fleet.end(within: shutdownTimeout)
                throw ServiceError("\(error)")
            }
        }
        if isOnce { fleet.drain(finishesDueWork: true) }
        return try wait(events, fleet, child, logger)
    }

    private func wait(
        _ events: Monitor<[Event]>,
        _ fleet: ReplicatorFleet,
        _ child: ChildProgram?,
        _ logger: Logger
    ) throws -> ExitCode {
        var firstSignal: MonotonicTime?
        while true {
            let event = events.wait(for: 0, until: { _ in MonotonicTime.now.advanced(by: .seconds(1)) }) {
                events -> Event?? in
                if !events.isEmpty { return .some(events.removeFirst()) }
                // While it drains, somebody has to look whether it ever will.
                return isOnce ? .some(nil) : nil
            }
            switch event {
            case nil:
                if fleet.isFailing(for: shutdownTimeout) { return finish(fleet, logger, ExitCode.failure) }
            case .signal(let number)?:
                if let child {
                    logger.log(.info, "signal passed on") { $0.add("signal", Int64(number)) }
                    child.signal(number)
                } else if Self.endingSignals.contains(number) {
                    let now = MonotonicTime.now
                    if let firstSignal {
                        guard now < firstSignal.advanced(by: Self.echoTime) else { _exit(128 + number) }
                        continue
                    }
                    firstSignal = now
                    logger.log(.info, "signal received, replication shutting down")
                    fleet.drain()
                    fleet.endLater(within: shutdownTimeout)
                }
            case .childEnded(let code)?:
                logger.log(.info, "subprocess exited, replication shutting down") { $0.add("code", Int64(code)) }
                fleet.drain()
                let isComplete = fleet.end(within: shutdownTimeout)
                report(isComplete, logger)
                return ExitCode(rawValue: code == 0 && !isComplete ? 1 : code)
            case .replicatorsEnded?:
                if child != nil {
                    // The program goes on; what is wrong was logged.
                    if !fleet.isDraining { continue }
                }
                return finish(fleet, logger, .success)
            }
        }
    }

    private func finish(_ fleet: ReplicatorFleet, _ logger: Logger, _ code: ExitCode) -> ExitCode {
        let isComplete = fleet.end(within: .zero)
        report(isComplete, logger)
        return isComplete ? code : .failure
    }

    private func report(_ isComplete: Bool, _ logger: Logger) {
        if isComplete {
            logger.log(.info, "replication shut down")
        } else {
            logger.log(.error, "replication shut down before everything was in every replica")
        }
    }

    /// What a replica says for itself counts more than what is said for all.
    @Sendable private func policy(_ replica: LitestreamConfiguration.Replica) -> LevelPolicy {
        var policy = LevelPolicy.sidecar
        policy.intervals = global.levelIntervals ?? policy.intervals
        policy.snapshotInterval = replica.snapshotInterval ?? global.snapshotInterval ?? policy.snapshotInterval
        policy.snapshotRetention = replica.retention ?? global.snapshotRetention ?? policy.snapshotRetention
        policy.level0Retention = global.l0Retention ?? policy.level0Retention
        // As in Litestream 0.3, where nothing was deleted then.
        policy.isRetentionEnabled = global.deletes && policy.snapshotRetention > .zero
        return policy
    }

    private var shutdownTimeout: Duration { global.shutdownSyncTimeout ?? Self.shutdownTimeoutDefault }

    private var logDescriptor: Int32 { global.logsToStandardError ? STDERR_FILENO : STDOUT_FILENO }

    private var logFormat: LogFormat {
        let output = global.logsToStandardError ? console.messages : console.output
        switch global.logType {
        case "json": return .json
        case "text", "pretty": return .text(isColored: output.style == .ansi)
        default: return output.isTerminal ? .text(isColored: output.style == .ansi) : .json
        }
    }
}
