import APIRoutes
import Glibc
import SQLite

/// Gathers what `/status` shows.
struct StatusReport: Sendable {
    /// Above this, counting rows would hold up those who share the thread.
    private static let countedBytesMax: Int64 = 64 << 20

    private let data: DurableDatabase
    private let instanceID: String
    private let start = ContinuousClock.now

    init(_ data: DurableDatabase) {
        self.data = data
        // Where there is a log, the name under which this process writes to it.
        instanceID = String(data.writerID ?? UInt64.random(in: 1 ... .max), radix: 16)
    }

    @Sendable func status() async throws -> ServiceStatus {
        let (database, path) = (data.database, data.file.path)
        var status = ServiceStatus(
            instanceID: instanceID,
            durability: data.durability.rawValue,
            uptime: .now - start
        )
        status.replicas = data.replicaStatuses
        status.proof = data.lastProof
        status.database.bytes = Self.size(path)
        status.database.walBytes = Self.size("\(path)-wal")
        let isCounted = status.database.bytes + status.database.walBytes <= Self.countedBytesMax
        try database.read { connection in
            status.database.journalMode = try connection.first("PRAGMA journal_mode") { $0.text(0) } ?? ""
            let tables: [(String, Int64?)] = try ServiceTable.all.compactMap { table in
                guard try table.exists(connection) else { return nil }
                return (table.name, isCounted ? try table.count(connection) : nil)
            }
            status.database.tables = tables.map { ServiceStatus.Table(name: $0.0, rowCount: $0.1) }
            guard try ServiceTable.exists("schema_migrations", connection) else { return }
            status.database.schema =
                try connection.first("SELECT max(name) FROM schema_migrations") { $0.textOrNull(0) ?? "" } ?? ""
        }
        return status
    }

    private static func size(_ path: String) -> Int64 {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }
}

/// A table whose rows are worth counting.
private struct ServiceTable {
    static let all = [
        ServiceTable(name: "tasks", countSQL: "SELECT count(*) FROM tasks"),
        ServiceTable(name: "users", countSQL: "SELECT count(*) FROM users"),
        ServiceTable(name: "pastes", countSQL: "SELECT count(*) FROM pastes"),
    ]

    let name: String
    let countSQL: StaticString

    func exists(_ connection: Connection) throws -> Bool { try Self.exists(name, connection) }

    func count(_ connection: Connection) throws -> Int64? { try connection.first(countSQL) { $0.integer(0) } }

    static func exists(_ name: String, _ connection: Connection) throws -> Bool {
        try connection.first("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", .text(name)) { _ in true
        }
            ?? false
    }
}
