import CSQLite
import FoundationEssentials

/// A database of the real SQLite in WAL mode that is open, in a folder that is removed with it.
///
/// Nothing is checkpointed unless a test says so.
final class LiveDatabase {
    let folder: URL
    private var handle: OpaquePointer?

    var path: String { folder.appending(path: "db").path }

    init(pageSize: Int = 4096, journal: String = "WAL") throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "live-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try open()
        try run("PRAGMA page_size=\(pageSize); PRAGMA journal_mode=\(journal); PRAGMA wal_autocheckpoint=0")
    }

    /// The same files elsewhere, with this WAL.
    init(copying other: LiveDatabase, wal: [UInt8]? = nil) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "live-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(other.bytes("db")).write(to: folder.appending(path: "db"))
        try Data(wal ?? other.bytes("db-wal")).write(to: folder.appending(path: "db-wal"))
        try open()
        try run("PRAGMA wal_autocheckpoint=0; SELECT count(*) FROM sqlite_schema")
    }

    deinit {
        sqlite3_close(handle)
        try? FileManager.default.removeItem(at: folder)
    }

    private func open() throws {
        guard sqlite3_open(path, &handle) == SQLITE_OK else { throw Failure(message: "cannot open \(path)") }
        sqlite3_busy_timeout(handle, 10_000)
    }

    func run(_ sql: String) throws {
        var message: UnsafeMutablePointer<CChar>?
        guard sqlite3_exec(handle, sql, nil, nil, &message) == SQLITE_OK else {
            defer { sqlite3_free(message) }
            throw Failure(message: message.map { String(cString: $0) } ?? "unknown")
        }
    }

    func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: folder.appending(path: name))) }

    /// What the database file would be after a checkpoint, made in a copy.
    func checkpointed() throws -> [UInt8] {
        let copy = try LiveDatabase(copying: self)
        try copy.run("PRAGMA wal_checkpoint(TRUNCATE)")
        return try copy.bytes("db")
    }

    struct Failure: Error {
        let message: String
    }
}
