package import APIRoutes
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
    package var access = AccessPolicy()
    /// Where metrics and status are served, if not with everything else.
    package var adminPort: Int?
    package var adminHost = "127.0.0.1"
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

    /// One loop is enough for a scrape now and then.
    var adminServer: ServerConfiguration? {
        guard let adminPort else { return nil }
        var server = server
        (server.host, server.port, server.loopCount) = (adminHost, adminPort, 1)
        return server
    }
}
