import APIRoutes
import Glibc
import HTTPServer
import Metrics
import SQLite

/// The metrics of the process, its database and its server; a request's own are the API's.
struct ServiceMetrics {
    let registry: Registry
    private let batchCount: Histogram
    private let batchSeconds: Histogram

    init(_ registry: Registry) {
        self.registry = registry
        ProcessMetrics.register(in: registry)
        registry.gauge(
            "holdfast_build_info",
            "1, with what the program was built from.",
            [Label("version", Version.current), Label("sqlite", Connection.libraryVersion)]
        ).set(1)
        batchCount = registry.histogram(
            "holdfast_write_batch_size",
            "Writes that shared one transaction.",
            .counts([1, 2, 4, 8, 16, 32, 64, 128, 256])
        )
        batchSeconds = registry.histogram(
            "holdfast_write_batch_duration_seconds",
            "From a batch's begin to its commit, the gate included.",
            .requestSeconds
        )
    }

    /// Hears of batches.
    var didRunBatch: @Sendable (Int, Duration) -> Void {
        { [batchCount, batchSeconds] count, duration in
            batchCount.observe(UInt64(count))
            batchSeconds.observe(duration)
        }
    }

    func watch(_ database: Database, at path: String) {
        registry.gauge("holdfast_write_queue_depth", "Writes that wait for a batch.") { Double(database.waitingCount) }
        registry.gauge("holdfast_database_bytes", "Size of the database file.") { Self.size(path) }
        registry.gauge("holdfast_database_wal_bytes", "Size of the write-ahead log.") { Self.size("\(path)-wal") ?? 0 }
    }

    func watch(_ server: Server) {
        registry.gauge("http_server_connections", "Open connections.") { Double(server.connectionCount) }
        registry.gauge("http_server_requests_in_flight", "Requests that wait for something, such as their write.") {
            Double(server.inFlightCount)
        }
    }

    private static func size(_ path: String) -> Double? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Double(status.st_size) : nil
    }
}
