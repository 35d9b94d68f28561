internal import CSQLite

/// One connection, for one thread at a time.
///
/// Not `Sendable`, on purpose: `Database` decides which thread may hold it.
///
/// - SeeAlso: <https://sqlite.org/c3ref/open.html>
package final class Connection {
    package enum Mode: Sendable {
        /// Reads and writes, creates the file, and leaves checkpoints to its owner.
        case readWrite
        case readOnly
        /// Reads a file that nobody else opens or changes: no lock, no WAL, and no file beside it.
        case immutable
    }

    let handle: OpaquePointer
    /// By the address of the literal: finding one costs less than hashing its text, and only literals get in.
    private var statements: [UnsafePointer<UInt8>: StatementBox] = [:]
    /// While true, SQL may not begin or end transactions, nor touch what durability rests on.
    private var isRestricted = false
    /// While true, a statement that ended the transaction by itself fails, and so do all after it.
    private var needsTransaction = false
    /// Frames in the WAL after the last commit of this connection.
    package private(set) var walFrameCount = 0

    package init(_ path: String, _ mode: Mode) throws(SQLiteError) {
        let access =
            switch mode {
            case .readWrite: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            case .readOnly: SQLITE_OPEN_READONLY
            case .immutable: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
            }
        let name = mode == .immutable ? Self.immutableURI(path) : path
        var handle: OpaquePointer?
        // NOMUTEX: the connection belongs to one thread at a time. EXRESCODE: every code comes extended.
        let code = sqlite3_open_v2(name, &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard let handle else { throw SQLiteError(code: code, message: "out of memory", sql: nil) }
        guard code == SQLITE_OK else {
            let message = String(cString: sqlite3_errmsg(handle))
            sqlite3_close_v2(handle)
            throw SQLiteError(code: code, message: "\(message): \(path)", sql: nil)
        }
        self.handle = handle
        try configure(mode)
    }

    deinit {
        statements.removeAll()
        // Cannot fail: every statement is finalized above.
        sqlite3_close_v2(handle)
    }

    /// The version of the SQLite that is linked.
    package static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    // MARK: Statements

    /// Runs a statement that gives no rows.
    ///
    /// - Returns: How many rows it inserted, updated or deleted.
    @discardableResult
    package func run(_ sql: StaticString, _ values: Value...) throws(SQLiteError) -> Int {
        try withStatement(sql, values) { statement throws(SQLiteError) in
            while try step(statement.handle, sql.description) {}
        }
        return Int(sqlite3_changes64(handle))
    }

    /// Shows each row of a query in turn.
    package func query(
        _ sql: StaticString,
        _ values: Value...,
        row: (borrowing Row) throws(SQLiteError) -> Void
    ) throws(SQLiteError) {
        try withStatement(sql, values) { statement throws(SQLiteError) in
            while try step(statement.handle, sql.description) { try row(Row(handle: statement.handle)) }
        }
    }

    /// The first row of a query, or nil if there is none.
    package func first<Result>(
        _ sql: StaticString,
        _ values: Value...,
        row: (borrowing Row) throws(SQLiteError) -> Result
    ) throws(SQLiteError) -> Result? {
        var result: Result?
        try withStatement(sql, values) { statement throws(SQLiteError) in
            guard try step(statement.handle, sql.description) else { return }
            result = try row(Row(handle: statement.handle))
        }
        return result
    }

    package var lastInsertedID: Int64 { sqlite3_last_insert_rowid(handle) }

    package var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    // MARK: For whoever owns transactions

    package func begin() throws(SQLiteError) { try run("BEGIN IMMEDIATE") }

    package func commit() throws(SQLiteError) { try run("COMMIT") }

    /// Ends the transaction, if there still is one, without its changes.
    package func rollback() throws(SQLiteError) {
        if isInTransaction { try run("ROLLBACK") }
    }

    /// Runs `body` with transaction control, ATTACH and the durability pragmas out of its reach.
    ///
    /// If a statement ends the transaction (`RAISE(ROLLBACK)`, a full disk), it and all later ones in `body` fail:
    /// otherwise the next would commit by itself, past the gate.
    package func restricted<Result>(_ body: (Connection) throws -> Result) rethrows -> Result {
        (isRestricted, needsTransaction) = (true, true)
        defer { (isRestricted, needsTransaction) = (false, false) }
        return try body(self)
    }

    /// Moves what it can from the WAL into the database, without waiting for readers.
    ///
    /// - SeeAlso: <https://sqlite.org/c3ref/wal_checkpoint_v2.html>
    package func checkpoint(truncating: Bool = false) throws(SQLiteError) {
        let mode = truncating ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        var total: Int32 = 0
        var done: Int32 = 0
        try check(sqlite3_wal_checkpoint_v2(handle, nil, mode, &total, &done), "checkpoint")
        if total == done { walFrameCount = 0 }
    }

    // MARK: Pieces

    /// - SeeAlso: <https://sqlite.org/uri.html>
    private static func immutableURI(_ path: String) -> String {
        let escapes: [Character: String] = ["%": "%25", "?": "%3f", "#": "%23"]
        // An absolute path may begin with two slashes, which would be a host.
        let scheme = path.hasPrefix("/") ? "file://" : "file:"
        return scheme + path.map { escapes[$0] ?? String($0) }.joined() + "?immutable=1"
    }

    private func configure(_ mode: Mode) throws(SQLiteError) {
        sqlite3_busy_timeout(handle, 5000)
        try check(csqlite_defensive(handle), "defensive")
        try check(csqlite_no_checkpoint_on_close(handle), "no checkpoint on close")
        try run("PRAGMA foreign_keys = ON")
        try run("PRAGMA trusted_schema = OFF")
        try run("PRAGMA mmap_size = 0")
        guard mode == .readWrite else { return }
        try require("PRAGMA journal_mode = WAL", is: "wal")
        try run("PRAGMA synchronous = FULL")
        try require("PRAGMA synchronous", is: "2")
        // A batch is bounded, so its pages fit in memory until it commits.
        try run("PRAGMA cache_spill = OFF")
        try run("PRAGMA wal_autocheckpoint = 0")
        // After that pragma, which replaces the hook without a word.
        sqlite3_wal_hook(handle, noteWALFrames, Unmanaged.passUnretained(self).toOpaque())
        try check(sqlite3_set_authorizer(handle, authorize, Unmanaged.passUnretained(self).toOpaque()), "authorizer")
    }

    /// Builds of SQLite differ in what they let a pragma change: read back what matters.
    private func require(_ sql: StaticString, is expected: String) throws(SQLiteError) {
        let value = try first(sql) { row in row.text(0) }
        guard value == expected else {
            throw SQLiteError(code: SQLITE_ERROR, message: "gave \(value ?? "nothing"), not \(expected)", sql: "\(sql)")
        }
    }

    private func withStatement(
        _ sql: StaticString,
        _ values: [Value],
        _ body: (borrowing Statement) throws(SQLiteError) -> Void
    ) throws(SQLiteError) {
        let box = try cached(sql)
        precondition(!box.statement.isBusy, "a statement is run again inside its own rows: \(sql)")
        // A failed step has thrown already; reset only repeats its code.
        defer {
            sqlite3_reset(box.statement.handle)
            if !values.isEmpty { sqlite3_clear_bindings(box.statement.handle) }
        }
        for (index, value) in values.enumerated() {
            try check(box.statement.bind(value, at: Int32(index + 1)), sql.description)
        }
        try body(box.statement)
    }

    private func cached(_ sql: StaticString) throws(SQLiteError) -> StatementBox {
        if let known = statements[sql.utf8Start] { return known }
        var statement: OpaquePointer?
        let text = UnsafeRawPointer(sql.utf8Start).assumingMemoryBound(to: CChar.self)
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        try check(
            sqlite3_prepare_v3(handle, text, Int32(sql.utf8CodeUnitCount), flags, &statement, nil),
            sql.description
        )
        guard let statement else { preconditionFailure("an empty statement: \(sql)") }
        let box = StatementBox(Statement(handle: statement))
        statements[sql.utf8Start] = box
        return box
    }

    /// True if there is a row.
    func step(_ statement: OpaquePointer, _ sql: @autoclosure () -> String) throws(SQLiteError) -> Bool {
        guard !needsTransaction || isInTransaction else { throw lost(sql()) }
        let code = sqlite3_step(statement)
        guard code == SQLITE_ROW || code == SQLITE_DONE else { throw error(code, sql()) }
        guard !needsTransaction || isInTransaction else { throw lost(sql()) }
        return code == SQLITE_ROW
    }

    func check(_ code: Int32, _ sql: @autoclosure () -> String) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw error(code, sql()) }
    }

    private func error(_ code: Int32, _ sql: String) -> SQLiteError {
        SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle)), sql: sql)
    }

    private func lost(_ sql: String) -> SQLiteError {
        SQLiteError(code: csqlite_abort_rollback, message: "the transaction was ended from within", sql: sql)
    }

    fileprivate func allows(_ action: Int32, _ argument: String?) -> Bool {
        guard isRestricted else { return true }
        switch action {
        case SQLITE_TRANSACTION, SQLITE_SAVEPOINT, SQLITE_ATTACH, SQLITE_DETACH: return false
        case SQLITE_PRAGMA: return !Self.durabilityPragmas.contains(argument?.lowercased() ?? "")
        default: return true
        }
    }

    fileprivate func noteCommit(frameCount: Int) { walFrameCount = frameCount }

    private static let durabilityPragmas: Set<String> = [
        "journal_mode", "synchronous", "locking_mode", "wal_checkpoint", "wal_autocheckpoint", "cache_spill",
        "mmap_size", "writable_schema", "foreign_keys",
    ]
}

/// Lets a dictionary hold what cannot be copied.
private final class StatementBox {
    let statement: Statement

    init(_ statement: consuming Statement) {
        self.statement = statement
    }
}

/// - SeeAlso: <https://sqlite.org/c3ref/set_authorizer.html>
private func authorize(
    _ context: UnsafeMutableRawPointer?,
    _ action: Int32,
    _ first: UnsafePointer<CChar>?,
    _: UnsafePointer<CChar>?,
    _: UnsafePointer<CChar>?,
    _: UnsafePointer<CChar>?
) -> Int32 {
    guard let context else { return SQLITE_DENY }
    let connection = Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue()
    return connection.allows(action, first.map { String(cString: $0) }) ? SQLITE_OK : SQLITE_DENY
}

/// - SeeAlso: <https://sqlite.org/c3ref/wal_hook.html>
private func noteWALFrames(
    _ context: UnsafeMutableRawPointer?,
    _: OpaquePointer?,
    _: UnsafePointer<CChar>?,
    _ frameCount: Int32
) -> Int32 {
    if let context {
        Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().noteCommit(frameCount: Int(frameCount))
    }
    return SQLITE_OK
}
