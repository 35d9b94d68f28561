internal import CSQLite

/// Where the part of the log ends that a read transaction sees, as the wal-index says.
///
/// - SeeAlso: <https://sqlite.org/walformat.html#the_wal_index_file>
package struct WALMark: Equatable, Sendable {
    /// How many frames are seen.
    package let frameCount: Int
    /// The size of the database in pages; zero where only the file's own size tells.
    package let pageCount: UInt32
    /// The salts in the log's header.
    package let salt1: UInt32
    package let salt2: UInt32
    /// The running checksum after the last frame.
    package let checksum1: UInt32
    package let checksum2: UInt32
    /// Grows by one with every commit, also when the log is started over; only a recovery resets it.
    package let changeCounter: UInt32
    /// Whether all of it is in the database file too.
    package let isInDatabase: Bool
}

/// The pages behind a connection, as bytes in files.
///
/// Read through SQLite's own descriptors: the first `close` of any other descriptor of a database file drops the POSIX
/// locks that the whole process has on it.
extension Connection: LogReading {
    /// Pins a read transaction that lasts until `rollback`, and tells exactly what it sees; nil without a WAL.
    ///
    /// SQLite keeps what a transaction sees to itself. But it copied the header of the wal-index when the transaction
    /// began, and every commit, every restart of the log and every recovery changes that header for good (a change
    /// counter, the salts). So if it is the same before the transaction and in it, that is what was copied. Where it is
    /// not, somebody committed in between, and another transaction is tried.
    ///
    /// `isInDatabase` is read before the second look, so it speaks of the same log. It decides how the pages may be read:
    /// - False: the transaction began with frames that were not in the database, for the count only grows as long as the
    ///   log is not restarted. It then holds a read mark that is not number 0, and as long as it does, nobody restarts
    ///   the log or moves later frames into the database: the frames up to the mark, and else the database, are stable.
    /// - True: the transaction may hold read mark 0, under which the log *can* be restarted. But everything up to the
    ///   mark is in the database, and nothing later gets there: mark 0 keeps checkpoints out, the others stop them at the
    ///   mark. So the database alone is stable.
    package func pinMark() throws(SQLiteError) -> WALMark? {
        guard try first("PRAGMA journal_mode", row: { $0.text(0) }) == "wal" else { return nil }
        var before: WALIndexHeader?
        for _ in 0..<Self.pinAttemptsMax {
            try run("BEGIN")
            do throws(SQLiteError) {
                // BEGIN alone begins nothing.
                _ = try first("SELECT count(*) FROM sqlite_schema") { $0.integer(0) }
                let (header, backfilled) = try walIndex()
                if let header, header == before { return header.mark(backfilled: backfilled) }
                before = header
            } catch {
                try? rollback()
                throw error
            }
            try rollback()
        }
        throw SQLiteError(code: SQLITE_BUSY, message: "commits left no moment to begin between them", sql: nil)
    }

    /// Reads bytes of the database file; what is behind its end is zero.
    package func readDatabase(at offset: Int, into bytes: inout [UInt8]) throws(SQLiteError) {
        try read(SQLITE_FCNTL_FILE_POINTER, at: offset, into: &bytes, mayEnd: true)
    }

    /// Reads bytes of the WAL file.
    package func readWAL(at offset: Int, into bytes: inout [UInt8]) throws(SQLiteError) {
        try read(SQLITE_FCNTL_JOURNAL_POINTER, at: offset, into: &bytes, mayEnd: false)
    }

    /// The size of the WAL file.
    package func logSize() throws(SQLiteError) -> Int {
        var size: sqlite3_int64 = 0
        try check(csqlite_file_size(try file(SQLITE_FCNTL_JOURNAL_POINTER), &size), "log size")
        return Int(size)
    }

    package func readLog(at offset: Int, count: Int) throws(SQLiteError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try readWAL(at: offset, into: &bytes)
        return bytes
    }

    package func readDatabase(at offset: Int, count: Int) throws(SQLiteError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try readDatabase(at: offset, into: &bytes)
        return bytes
    }

    /// The size of the database file.
    package func databaseFileSize() throws(SQLiteError) -> Int {
        var size: sqlite3_int64 = 0
        try check(csqlite_file_size(try file(SQLITE_FCNTL_FILE_POINTER), &size), "file size")
        return Int(size)
    }

    /// The size of the WAL file, whatever is in it.
    package func walFileSize() throws(SQLiteError) -> Int {
        var size: sqlite3_int64 = 0
        try check(csqlite_file_size(try file(SQLITE_FCNTL_JOURNAL_POINTER), &size), "file size")
        return Int(size)
    }

    /// Keeps all others out of a file that is not in WAL mode, until `rollback`.
    package func lockFile() throws(SQLiteError) { try run("BEGIN EXCLUSIVE") }

    /// Writes bytes of the database file past SQLite, for whoever has locked it.
    package func replaceDatabase(at offset: Int, _ bytes: [UInt8]) throws(SQLiteError) {
        let file = try file(SQLITE_FCNTL_FILE_POINTER)
        let code = bytes.withUnsafeBytes {
            csqlite_file_write(file, $0.baseAddress, Int32($0.count), sqlite3_int64(offset))
        }
        try check(code, "replacing pages")
    }

    /// Cuts the database file off at a size, and returns when all of it is on the disk.
    package func finishReplacing(size: Int) throws(SQLiteError) {
        try check(csqlite_file_finish(try file(SQLITE_FCNTL_FILE_POINTER), sqlite3_int64(size)), "replacing pages")
    }

    private func file(_ which: Int32) throws(SQLiteError) -> UnsafeMutablePointer<sqlite3_file> {
        guard let file = csqlite_file(handle, which) else {
            throw SQLiteError(code: SQLITE_MISUSE, message: "the connection has no such file open", sql: nil)
        }
        return file
    }

    private func read(_ which: Int32, at offset: Int, into bytes: inout [UInt8], mayEnd: Bool) throws(SQLiteError) {
        let file = try file(which)
        let code = bytes.withUnsafeMutableBytes {
            csqlite_file_read(file, $0.baseAddress, Int32($0.count), sqlite3_int64(offset))
        }
        // SQLite has then filled up with zeros.
        if code == csqlite_short_read, mayEnd { return }
        guard code == SQLITE_OK else {
            throw SQLiteError(code: code, message: "\(bytes.count) bytes at \(offset) could not be read", sql: nil)
        }
    }

    /// The header is nil while somebody writes it.
    func walIndex() throws(SQLiteError) -> (header: WALIndexHeader?, backfilled: UInt32) {
        var bytes = [UInt8](repeating: 0, count: Int(csqlite_wal_index_header_size))
        var backfilled: UInt32 = 0
        let code = csqlite_wal_index(try file(SQLITE_FCNTL_FILE_POINTER), &bytes, &backfilled)
        guard code != SQLITE_BUSY else { return (nil, 0) }
        guard code == SQLITE_OK else {
            throw SQLiteError(code: code, message: "the wal-index cannot be read", sql: nil)
        }
        return (WALIndexHeader(bytes: bytes), backfilled)
    }

    /// A writer would have to commit within microseconds, so often in a row.
    private static let pinAttemptsMax = 1000
}

/// The header of the wal-index: in the machine's byte order, except for the salts, which are as in the WAL.
struct WALIndexHeader: Equatable {
    let bytes: [UInt8]

    func mark(backfilled: UInt32) -> WALMark {
        let frameCount = word(16)
        return WALMark(
            frameCount: Int(frameCount),
            pageCount: word(20),
            salt1: UInt32(bigEndian: word(32)),
            salt2: UInt32(bigEndian: word(36)),
            checksum1: word(24),
            checksum2: word(28),
            changeCounter: word(8),
            isInDatabase: backfilled >= frameCount
        )
    }

    private func word(_ offset: Int) -> UInt32 {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    }
}
