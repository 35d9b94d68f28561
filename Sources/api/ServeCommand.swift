import App
import CLI
import Glibc
import HTTP
import HTTPServer
import Logging

/// `api serve`: parsing is `init`, work is `run`.
struct ServeCommand {
    enum LogLevelName: String, CaseIterable {
        case debug, info, warning, error

        var level: LogLevel {
            switch self {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        }
    }

    enum LogFormatName: String, CaseIterable {
        case auto, json, text
    }

    private let configuration: ServiceConfiguration

    init(_ invocation: Invocation, _ console: Console) throws {
        var configuration = ServiceConfiguration()
        configuration.databasePath = try invocation.string("db")
        configuration.migrationsPath = try invocation.string("migrations")
        configuration.migratesAtStart = invocation.flag("migrate")
        configuration.seedsPath = invocation["seeds"]?.text
        configuration.logLevel = try invocation.choice("log-level", LogLevelName.self).level
        let isTerminal = console.output.isTerminal
        let isColored = console.output.style == .ansi
        switch try invocation.choice("log-format", LogFormatName.self) {
        case .auto: configuration.logFormat = isTerminal ? .text(isColored: isColored) : .json
        case .json: configuration.logFormat = .json
        case .text: configuration.logFormat = .text(isColored: isColored)
        }
        let timeouts = Duration.milliseconds(10)...Duration.seconds(86_400)
        configuration.writeTimeout = try invocation.duration("write-timeout", in: timeouts)
        configuration.shutdownTimeout = try invocation.duration("shutdown-timeout", in: timeouts)
        configuration.access = try Self.access(invocation)
        configuration.adminPort = try invocation["admin-port"]?.integer(in: 0...65535)
        configuration.adminHost = try invocation.string("admin-host")
        configuration.maxStaleness = try invocation["max-staleness"]?.duration(in: .zero...timeouts.upperBound)
        configuration.replication = try ServiceReplicas.configuration(invocation, console)
        configuration.replication.proofInterval = try Self.proofInterval(invocation, configuration.replication)
        configuration.server = try Self.server(invocation, timeouts)
        self.configuration = configuration
    }

    func run() throws {
        let signals = Signals()
        let logger = Logger(
            level: configuration.logLevel,
            format: configuration.logFormat,
            descriptor: STDOUT_FILENO
        )
        defer { logger.close(within: .seconds(1)) }
        let service = try Service(configuration, logger: logger, signals: signals)
        signals.wait()
        // A little earlier: at the limit itself, a platform kills.
        signals.exit(after: configuration.shutdownTimeout * 9 / 10) {
            logger.log(.error, "the shutdown took too long and was cut off")
            logger.close(within: .milliseconds(200))
        }
        service.stop(within: configuration.shutdownTimeout)
    }

    private static func proofInterval(
        _ invocation: Invocation,
        _ replication: ReplicationConfiguration
    ) throws(UsageError) -> Duration? {
        guard let setting = invocation["verify-interval"] else { return nil }
        guard !replication.replicas.isEmpty else {
            throw setting.refused(expected: "a replica to verify", hint: "Name one with --replica or REPLICA_URL.")
        }
        return try setting.duration(in: .seconds(1)...Duration.seconds(365 * 86_400))
    }

    private static func server(
        _ invocation: Invocation,
        _ timeouts: ClosedRange<Duration>
    ) throws(UsageError) -> ServerConfiguration {
        var server = ServerConfiguration()
        server.host = try invocation.string("host")
        server.port = try invocation.integer("port", in: 0...65535)
        server.loopCount = max(1, min(64, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        server.connectionsMax = try invocation.integer("max-connections", in: 1...1_000_000)
        server.connectionsPerAddressMax = try invocation.integer("max-connections-per-address", in: 1...1_000_000)
        server.inFlightMax = try invocation.integer("max-in-flight", in: 1...1_000_000)
        server.bufferedBytesMax = try invocation.byteCount("max-buffered", in: 1 << 20...1 << 40)
        server.request.headBytesMax = try invocation.byteCount("max-header", in: 1 << 10...1 << 20)
        server.request.targetBytesMax = min(server.request.targetBytesMax, server.request.headBytesMax)
        server.headTimeout = try invocation.duration("head-timeout", in: timeouts)
        server.bodyTimeout = try invocation.duration("body-timeout", in: timeouts)
        server.idleTimeout = try invocation.duration("idle-timeout", in: timeouts)
        server.sendTimeout = try invocation.duration("send-timeout", in: timeouts)
        return server
    }
}
