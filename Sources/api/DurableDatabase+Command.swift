import App
import Glibc
import Logging
import Metrics
import SQLite

extension DurableDatabase {
    /// How long a command waits at its end for replicas that follow.
    private static let closingLimit = Duration.seconds(30)

    /// Opens the service's database for one command, as the service does, and closes it in order.
    static func withDatabase<Result>(
        _ path: String,
        _ configuration: ReplicationConfiguration,
        _ body: (DurableDatabase) throws -> Result
    ) throws -> Result {
        let logger = Logger(level: .warning, format: .text(isColored: false), descriptor: STDERR_FILENO)
        defer { logger.close(within: .seconds(1)) }
        let database = try DurableDatabase(path, configuration, database: .init(), registry: Registry(), logger: logger)
        let result: Result
        do { result = try body(database) } catch {
            // Why the command failed is what its caller must know.
            try? database.close(within: closingLimit)
            throw error
        }
        try database.close(within: closingLimit)
        return result
    }
}
