internal import CSQLite

/// What it takes to follow a database that other programs write.
extension Connection {
    /// Where the log ends now, for all who begin to read; nil while somebody commits.
    package func walMark() throws(SQLiteError) -> WALMark? {
        let (header, backfilled) = try walIndex()
        return header?.mark(backfilled: backfilled)
    }

    /// How long to wait for those who write.
    package func setBusyTimeout(milliseconds: Int32) throws(SQLiteError) {
        try check(sqlite3_busy_timeout(handle, milliseconds), "busy timeout")
    }

    /// Whether the path leads to another file now, or to none.
    package func hasMoved() throws(SQLiteError) -> Bool {
        var moved: Int32 = 0
        try check(sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved), "has moved")
        return moved != 0
    }

    /// Forces WAL mode, and keeps the log where it is: nothing but its owner moves or removes what is in it.
    func follow() throws(SQLiteError) {
        guard try first("PRAGMA journal_mode = WAL", row: { $0.text(0) }) == "wal" else {
            throw SQLiteError(code: SQLITE_BUSY, message: "the database does not change to WAL mode", sql: nil)
        }
        try run("PRAGMA wal_autocheckpoint = 0")
        var isPersistent: Int32 = 1
        try check(sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &isPersistent), "persist WAL")
    }
}
