internal import CGate
internal import CSQLite

/// The WAL and the database behind it, as the one connection that writes has them open.
///
/// Only lent: to be used during the call that got it.
///
/// Other descriptors of the database must not be opened: closing one drops SQLite's locks on the file.
package struct LogFiles: LogReading {
    fileprivate let files: OpaquePointer

    package func logSize() throws(SQLiteError) -> Int {
        var size: sqlite3_int64 = 0
        try check(cgate_log_size(files, &size), "the size of the log")
        return Int(size)
    }

    package func readLog(at offset: Int, count: Int) throws(SQLiteError) -> [UInt8] {
        try read(count, "reading the log at \(offset)") { cgate_log_read(files, $0, $1, sqlite3_int64(offset)) }
    }

    package func readDatabase(at offset: Int, count: Int) throws(SQLiteError) -> [UInt8] {
        try read(count, "reading the database at \(offset)") {
            cgate_database_read(files, $0, $1, sqlite3_int64(offset))
        }
    }

    private func read(
        _ count: Int,
        _ action: String,
        _ body: (UnsafeMutablePointer<UInt8>?, Int32) -> Int32
    ) throws(SQLiteError) -> [UInt8] {
        var code = SQLITE_OK
        let bytes = [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, initializedCount in
            guard count > 0 else { return }
            code = body(buffer.baseAddress, Int32(count))
            initializedCount = code == SQLITE_OK ? count : 0
        }
        try check(code, action)
        return bytes
    }

    fileprivate func truncateLog(to size: Int) throws(SQLiteError) {
        try check(cgate_log_truncate(files, sqlite3_int64(size)), "truncating the log")
    }

    fileprivate func changeCount() throws(SQLiteError) -> UInt32 {
        var count: UInt32 = 0
        try check(cgate_change_count(files, &count), "reading the wal-index")
        return count
    }

    private func check(_ code: Int32, _ action: String) throws(SQLiteError) {
        guard code == SQLITE_OK else {
            throw SQLiteError(code: code, message: "\(action): \(String(cString: sqlite3_errstr(code)))", sql: nil)
        }
    }
}

/// Decides, in the middle of each commit, whether what is in the log becomes visible.
package protocol LogGuardian: Sendable {
    /// The connection has just been opened.
    ///
    /// Throws when the log holds what this guardian has not admitted.
    func begin(_ files: LogFiles) throws(SQLiteError)

    /// Returns when all that is in the log is durable.
    ///
    /// - Parameters:
    ///   - files: The new frames and what they lie on.
    ///   - isCommit: Whether the owner of the connection commits right now. Otherwise there may be nothing new.
    /// - Throws: Why the frames must not become visible; they are then cut off.
    func admit(_ files: LogFiles, isCommit: Bool) throws

    /// Where in the WAL file the last admitted frame ends; zero if the log has none.
    func admittedSize(_ files: LogFiles) throws -> Int
}

/// What stands between the commits of one connection and their being visible.
final class GuardedLog {
    private let files: LogFiles
    private let guardian: any LogGuardian
    /// Whether the owner of the connection commits right now.
    private var isCommitting = false
    /// Whether the guardian has admitted the commit that is under way.
    private var isAdmitted = false
    private var refusal: (any Error)?
    /// What the wal-index counted after our last commit.
    private var changeCount: UInt32

    fileprivate init(_ files: LogFiles, _ guardian: any LogGuardian) throws(SQLiteError) {
        (self.files, self.guardian) = (files, guardian)
        changeCount = try files.changeCount()
        try guardian.begin(files)
    }

    /// Ends the process if another one has committed; with the write lock held, nobody can do so after this.
    ///
    /// Its commit was visible here without having passed the gate.
    func requireNoForeignCommit() throws(SQLiteError) {
        guard try files.changeCount() == changeCount else {
            endProcess(because: "another process has written to the database, past the log that keeps its commits")
        }
    }

    /// Runs COMMIT with the guardian asked.
    ///
    /// - Throws: Why the guardian refused, or what SQLite said; nothing that was refused is then left in the log.
    func commit(_ run: () throws(SQLiteError) -> Void) throws {
        (isCommitting, isAdmitted, refusal) = (true, false, nil)
        // Admitted and yet not committed must not serve for the next one.
        defer { (isCommitting, isAdmitted) = (false, false) }
        do throws(SQLiteError) { try run() } catch {
            discardRefused()
            throw refusal ?? error
        }
    }

    /// SQLite asks whether it may call the log durable.
    fileprivate func sync() -> Int32 {
        do {
            // What another one has committed is not ours to take back.
            try requireNoForeignCommit()
            try guardian.admit(files, isCommit: isCommitting)
            isAdmitted = isCommitting
            return SQLITE_OK
        } catch {
            refusal = error
            discardRefused()
            return csqlite_ioerr_fsync
        }
    }

    /// A commit has become visible.
    func noteCommit() {
        guard isAdmitted else { endProcess(because: "a commit became visible without having passed the gate") }
        changeCount &+= 1
    }

    /// Cuts off the frames that were refused: their checksums are right, so any recovery would bring them back.
    private func discardRefused() {
        do {
            let size = try guardian.admittedSize(files)
            if try files.logSize() > size { try files.truncateLog(to: size) }
        } catch {
            endProcess(because: "a refused commit could not be taken out of the log: \(error)")
        }
    }
}

extension Connection {
    /// From now on nothing is committed here, except by ``commitGuarded()`` and with the guardian's consent.
    ///
    /// The connection must be ``Mode/guarded``.
    func guardLog(by guardian: any LogGuardian) throws(SQLiteError) {
        // The WAL is open only once something has been read.
        _ = try first("SELECT count(*) FROM sqlite_schema") { $0.integer(0) }
        var files: OpaquePointer?
        try check(cgate_watch(handle, syncGuardedLog, Unmanaged.passUnretained(self).toOpaque(), &files), "watch")
        guard let files else { preconditionFailure("watched, and no files") }
        guardedLog = try GuardedLog(LogFiles(files: files), guardian)
    }
}

private func syncGuardedLog(_ context: UnsafeMutableRawPointer?) -> Int32 {
    guard let context else { return csqlite_ioerr_fsync }
    let connection = Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue()
    return connection.guardedLog?.sync() ?? csqlite_ioerr_fsync
}
