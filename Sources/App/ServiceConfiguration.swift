package import HTTPServer
package import Logging

/// Everything that `api serve` can be told.
package struct ServiceConfiguration: Sendable {
    package var databasePath = "data/holdfast.db"
    package var migrationsPath = "Migrations"
    /// Whether pending migrations are applied at start; if not, `/readyz` says that they are pending.
    package var migratesAtStart = true
    /// Seeds to run at start, if any.
    package var seedsPath: String?
    package var replication = ReplicationConfiguration()
    package var server = ServerConfiguration()
    package var writeTimeout = Duration.seconds(10)
    /// From the signal to the end of the process.
    package var shutdownTimeout = Duration.seconds(5)
    /// How old a state may be that a read sees; nil leaves that to the reads themselves.
    ///
    /// Without a replica there is only one state, which is never old.
    package var maxStaleness: Duration?
    package var logLevel = LogLevel.info
    package var logFormat = LogFormat.json

    package init() {}
}
