import CSQLite
import FoundationEssentials

/// A database of the real SQLite in WAL mode, in a folder that is removed with it.
///
/// Nothing is checkpointed unless a test says so.
final class SQLiteFile {
    let folder: URL
    private var handle: OpaquePointer?

    var path: String { folder.appendingPathComponent("db").path }

    init(pageSize: Int = 4096) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("wal-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try open()
        try run("PRAGMA page_size=\(pageSize); PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0")
        try run("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        try run("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// A copy that SQLite recovers by itself from a database file and a WAL.
    init(database: [UInt8], wal: [UInt8]) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("wal-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(database).write(to: folder.appendingPathComponent("db"))
        try Data(wal).write(to: folder.appendingPathComponent("db-wal"))
        try open()
    }

    deinit {
        sqlite3_close(handle)
        try? FileManager.default.removeItem(at: folder)
    }

    private func open() throws {
        guard sqlite3_open(path, &handle) == SQLITE_OK else { throw Failure(message: "cannot open \(path)") }
    }

    func run(_ sql: String) throws {
        var message: UnsafeMutablePointer<CChar>?
        guard sqlite3_exec(handle, sql, nil, nil, &message) == SQLITE_OK else {
            defer { sqlite3_free(message) }
            throw Failure(message: message.map { String(cString: $0) } ?? "unknown")
        }
    }

    var database: [UInt8] { get throws { try read("db") } }
    var wal: [UInt8] { get throws { try read("db-wal") } }

    /// The database file once SQLite has moved the whole log into it.
    func checkpointed() throws -> [UInt8] {
        try run("PRAGMA wal_checkpoint(TRUNCATE)")
        return try database
    }

    private func read(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    struct Failure: Error {
        let message: String
    }
}
