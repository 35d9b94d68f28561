internal import CGate
internal import CSQLite
internal import Threads

/// One connection, for one thread at a time.
///
/// Not `Sendable`, on purpose: `Database` decides which thread may hold it.
///
/// - SeeAlso: <https://sqlite.org/c3ref/open.html>
package final class Connection {
    package enum Mode: Sendable {
        /// Reads and writes, creates the file, and leaves checkpoints to its owner.
        case readWrite
        /// Like `readWrite`, but nothing can be committed before ``guardLog(by:)``, and then only what is admitted.
        case guarded
        case readOnly
        /// Pins and checkpoints what other programs write, and changes no row.
        case following
        /// Replaces pages of a file that is not in WAL mode, while others read it.
        case replacing
        /// Reads a file that nobody else opens or changes: no lock, no WAL, and no file beside it.
        case immutable
    }

    let handle: OpaquePointer
    private let interrupter: Interrupter?
    /// By the address of the literal: finding one costs less than hashing its text, and only literals get in.
    private var statements: [UnsafePointer<UInt8>: StatementBox] = [:]
    /// While true, SQL may not begin or end transactions, nor touch what durability rests on; and a statement that
    /// ended the transaction by itself fails, as do all after it.
    private var isRestricted = false
    /// Whether the statement being prepared does what is forbidden to restricted SQL.
    private var preparesForOwner = false
    /// Frames in the WAL after the last commit of this connection.
    package private(set) var walFrameCount = 0
    /// Who is asked before a commit becomes visible; nil if the disk alone is.
    var guardedLog: GuardedLog?
    private var isClosed = false

    /// Opens a file; from then on `interrupter`, if there is one, stops what the connection does.
    package init(_ path: String, _ mode: Mode, _ interrupter: Interrupter? = nil) throws(SQLiteError) {
        let access =
            switch mode {
            case .readWrite, .guarded: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            case .readOnly: SQLITE_OPEN_READONLY
            case .replacing: SQLITE_OPEN_READWRITE
            case .following: SQLITE_OPEN_READWRITE
            case .immutable: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
            }
        let name = mode == .immutable ? Self.immutableURI(path) : Self.plain(path)
        var handle: OpaquePointer?
        // NOMUTEX: the connection belongs to one thread at a time. EXRESCODE: every code comes extended.
        let flags = access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(name, &handle, flags, mode == .guarded ? Self.guardedVFS : nil)
        guard let handle else { throw SQLiteError(code: code, message: "out of memory", sql: nil) }
        guard code == SQLITE_OK else {
            let message = String(cString: sqlite3_errmsg(handle))
            sqlite3_close_v2(handle)
            throw SQLiteError(code: code, message: "\(message): \(path)", sql: nil)
        }
        self.handle = handle
        self.interrupter = interrupter
        interrupter?.attach(handle)
        try configure(mode)
    }

    deinit {
        if !isClosed { close() }
    }

    private func close() {
        isClosed = true
        interrupter?.detach()
        statements.removeAll()
        // Cannot fail: every statement is finalized above.
        sqlite3_close_v2(handle)
    }

    /// Closes for good, and removes the WAL if no other connection in any process has the database open.
    ///
    /// Everything must have been moved into the database before.
    func closeRemovingLog() throws(SQLiteError) {
        try check(csqlite_no_checkpoint_on_close(handle, 0), "checkpoint on close")
        close()
    }

    /// The full path of the file, which the names of the WAL and the wal-index begin with.
    var path: String { sqlite3_db_filename(handle, "main").map { String(cString: $0) } ?? "" }

    /// The version of the SQLite that is linked.
    package static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    // MARK: Statements

    /// Runs a statement that gives no rows.
    ///
    /// - Returns: How many rows it inserted, updated or deleted; means nothing after other statements.
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

    /// Begins a transaction that may write.
    ///
    /// On a guarded connection the process ends here if another one has committed past the guardian.
    package func begin() throws(SQLiteError) {
        try run("BEGIN IMMEDIATE")
        try guardedLog?.requireNoForeignCommit()
    }

    /// Commits; a guarded connection refuses whatever was changed.
    package func commit() throws(SQLiteError) { try run("COMMIT") }

    /// Commits if the guardian lets it.
    ///
    /// - Throws: What the guardian threw, or what SQLite said; nobody has then seen anything of the transaction.
    package func commitGuarded() throws {
        guard let guardedLog else { preconditionFailure("nobody guards the log") }
        do { try guardedLog.commit { () throws(SQLiteError) in try run("COMMIT") } } catch {
            // The reason is what counts; a rollback that fails too leaves the transaction to the next.
            try? rollback()
            throw error
        }
    }

    /// Ends the transaction, if there still is one, without its changes.
    package func rollback() throws(SQLiteError) {
        if isInTransaction { try run("ROLLBACK") }
    }

    /// Runs `body` with transaction control, ATTACH and the durability pragmas out of its reach.
    ///
    /// If a statement ends the transaction (`RAISE(ROLLBACK)`, a full disk), it and all later ones in `body` fail:
    /// otherwise the next would commit by itself, past the gate. And a `body` that overlooks its failure fails too: what
    /// it did is gone.
    package func restricted<Result>(_ body: (Connection) throws -> Result) throws -> Result {
        let wasRestricted = isRestricted
        isRestricted = true
        defer { isRestricted = wasRestricted }
        let result = try body(self)
        guard isInTransaction else { throw lost(nil) }
        // Left to COMMIT, a deferred reference that leads nowhere would fail all who share the transaction.
        guard try !hasBrokenReferences() else {
            let message = "FOREIGN KEY constraint failed (deferred)"
            throw SQLiteError(code: csqlite_constraint_foreignkey, message: message, sql: nil)
        }
        return result
    }

    /// How far a checkpoint goes; all but the first wait for readers, though not long.
    package enum Checkpoint: Sendable {
        /// Moves what it can, and waits for nobody.
        case passive
        /// Moves everything, and waits for those who read in the WAL: the next write starts at its front again.
        case restarting
        /// Empties the WAL too.
        case truncating
    }

    /// Moves what is in the WAL into the database.
    ///
    /// - SeeAlso: <https://sqlite.org/c3ref/wal_checkpoint_v2.html>
    package func checkpoint(_ kind: Checkpoint) throws(SQLiteError) {
        let mode =
            switch kind {
            case .passive: SQLITE_CHECKPOINT_PASSIVE
            case .restarting: SQLITE_CHECKPOINT_RESTART
            case .truncating: SQLITE_CHECKPOINT_TRUNCATE
            }
        sqlite3_busy_timeout(handle, Self.readerMilliseconds)
        defer { sqlite3_busy_timeout(handle, Self.busyMilliseconds) }
        let deadline = MonotonicTime.now.advanced(by: Self.readersPatience)
        var total: Int32 = 0
        var done: Int32 = 0
        var code: Int32
        repeat {
            // One call waits for the read marks that it found in use, and new readers keep taking them; the next call
            // finds that the new ones are up to date, and waits only for the old.
            code = sqlite3_wal_checkpoint_v2(handle, nil, mode, &total, &done)
        } while code == SQLITE_BUSY && kind != .passive && MonotonicTime.now < deadline
        try check(code, "checkpoint")
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
        try check(sqlite3_busy_timeout(handle, Self.busyMilliseconds), "busy timeout")
        try check(csqlite_defensive(handle), "defensive")
        try check(csqlite_no_checkpoint_on_close(handle, 1), "no checkpoint on close")
        try run("PRAGMA foreign_keys = ON")
        try require("PRAGMA foreign_keys", is: "1")
        try run("PRAGMA trusted_schema = OFF")
        try run("PRAGMA mmap_size = 0")
        if mode == .following { try follow() }
        guard mode == .readWrite || mode == .guarded else { return }
        guard try first("PRAGMA encoding", row: { $0.text(0) }) == "UTF-8" else {
            // Rows are read as the bytes they are stored as.
            throw SQLiteError(
                code: SQLITE_MISMATCH,
                message: "the file keeps its texts in another form than UTF-8",
                sql: nil
            )
        }
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
        // The authorizer sees a statement once; this one may have been prepared for the owner of the transaction.
        guard !isRestricted || !box.isForOwner else { throw error(SQLITE_AUTH, sql.description) }
        // SQLite would take NULL for what is missing.
        guard values.count == sqlite3_bind_parameter_count(box.statement.handle) else {
            throw SQLiteError(code: SQLITE_RANGE, message: "bound to \(values.count) values", sql: sql.description)
        }
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
        preparesForOwner = false
        try check(
            sqlite3_prepare_v3(handle, text, Int32(sql.utf8CodeUnitCount), flags, &statement, nil),
            sql.description
        )
        guard let statement else { preconditionFailure("an empty statement: \(sql)") }
        let box = StatementBox(Statement(handle: statement), isForOwner: preparesForOwner)
        statements[sql.utf8Start] = box
        return box
    }

    /// True if there is a row.
    func step(_ statement: OpaquePointer, _ sql: @autoclosure () -> String) throws(SQLiteError) -> Bool {
        guard !isRestricted || isInTransaction else { throw lost(sql()) }
        let code = sqlite3_step(statement)
        guard code == SQLITE_ROW || code == SQLITE_DONE else { throw error(code, sql()) }
        guard !isRestricted || isInTransaction else { throw lost(sql()) }
        return code == SQLITE_ROW
    }

    func check(_ code: Int32, _ sql: @autoclosure () -> String) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw error(code, sql()) }
    }

    private func error(_ code: Int32, _ sql: String) -> SQLiteError {
        let message =
            code == SQLITE_AUTH
            ? "transactions, ATTACH, and pragmas that outlive a transaction are not for this SQL to use"
            : String(cString: sqlite3_errmsg(handle))
        return SQLiteError(code: code, message: message, sql: sql)
    }

    /// - SeeAlso: <https://sqlite.org/c3ref/c_dbstatus_options.html#sqlitedbstatusdeferredfks>
    private func hasBrokenReferences() throws(SQLiteError) -> Bool {
        var current: Int32 = 0
        var highest: Int32 = 0
        try check(sqlite3_db_status(handle, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0), "deferred references")
        return current != 0
    }

    private func lost(_ sql: String?) -> SQLiteError {
        SQLiteError(code: csqlite_abort_rollback, message: "the transaction was ended from within", sql: sql)
    }

    fileprivate func allows(_ action: Int32, _ argument: String?) -> Bool {
        switch action {
        case SQLITE_TRANSACTION, SQLITE_SAVEPOINT, SQLITE_ATTACH, SQLITE_DETACH: break
        case SQLITE_PRAGMA where !Self.harmlessPragmas.contains(argument?.lowercased() ?? ""): break
        default: return true
        }
        preparesForOwner = true
        return !isRestricted
    }

    fileprivate func noteCommit(frameCount: Int) {
        walFrameCount = frameCount
        guardedLog?.noteCommit()
    }

    /// The VFS that asks, instead of syncing.
    private static let guardedVFS: String = {
        // It fails only without a default VFS; then no file can be opened, by whatever name.
        cgate_register()
        return String(cString: cgate_name())
    }()

    /// They only tell, or what they change ends or commits with the transaction.
    ///
    /// All others are refused: the next release of SQLite may bring one more that durability depends on.
    private static let harmlessPragmas: Set<String> = [
        "application_id", "defer_foreign_keys", "foreign_key_check", "foreign_key_list", "index_info", "index_list",
        "index_xinfo", "integrity_check", "quick_check", "table_info", "table_list", "table_xinfo", "user_version",
    ]

    /// How long to wait for another process that writes.
    private static let busyMilliseconds: Int32 = 5000
    /// How long to wait for readers before the WAL is left as it is.
    private static let readersPatience = Duration.milliseconds(500)
    /// How long a single attempt waits for those it finds.
    private static let readerMilliseconds: Int32 = 10

    /// Debian's SQLite takes `file:` for a URI, whose parameters could turn locking off; a path is only a path here.
    private static func plain(_ path: String) -> String { path.hasPrefix("file:") ? "./\(path)" : path }
}

/// Lets a dictionary hold what cannot be copied.
private final class StatementBox {
    let statement: Statement
    /// Whether it does what is forbidden to restricted SQL.
    let isForOwner: Bool

    init(_ statement: consuming Statement, isForOwner: Bool) {
        self.statement = statement
        self.isForOwner = isForOwner
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
