internal import Glibc
internal import Threads

/// The connection that writes, and what it takes to put another state of the database under it.
///
/// For one thread at a time, like the connection.
final class Writer {
    let gate: any CommitGate
    private let logGate: (any LogGate)?
    private let path: String
    private let barrier: ReadBarrier
    private let configuration: Database.Configuration
    private var openConnection: Connection?

    /// Opens the file, creating it if there is none, and puts it into WAL mode.
    init(
        _ path: String,
        _ gate: any CommitGate,
        _ barrier: ReadBarrier,
        _ configuration: Database.Configuration
    ) throws(SQLiteError) {
        (self.path, self.gate, self.barrier, self.configuration) = (path, gate, barrier, configuration)
        logGate = gate as? any LogGate
        try open()
    }

    var connection: Connection {
        guard let openConnection else { preconditionFailure("the writer is closed") }
        return openConnection
    }

    /// Tells of a failure whose callers do not hear the reason.
    func report(_ failure: String) { configuration.report(failure) }

    private func open() throws(SQLiteError) {
        guard let logGate else {
            openConnection = try Connection(path, .readWrite)
            return
        }
        // Replayed over a file that was restored it would mix two databases.
        if logGate.hasHistory, Self.logSize(path) ?? 0 > 0 {
            throw SQLiteError.unreadable("\(path)-wal is not empty, and the log in the replica does not know it")
        }
        // What is in an adopted database's WAL is part of it, and this disk has the only copy: SQLite syncs it into the
        // file before anybody relies on the log instead. From here on the WAL holds only what was admitted.
        if !logGate.hasHistory { try Connection(path, .readWrite).checkpoint(.truncating) }
        let connection = try Connection(path, .guarded)
        try connection.guardLog(by: logGate)
        openConnection = connection
    }

    // MARK: Another state

    /// Brings the file to the end of the log.
    ///
    /// - Throws: When it could not begin; the database is then as it was. What fails half-way ends the process.
    func catchUp() throws {
        // A transaction left over by a rollback that failed would be in the way.
        try connection.rollback()
        while try applyNextChange() {}
    }

    /// Brings the file to where the log holds a commit of ours that the file does not: another commit on this state would
    /// be a fork.
    ///
    /// That commit is the next change, and at hand. What others have added behind it is for the next race to find out; to
    /// ask for it could fail, and those who wait for this commit must hear that it is done.
    func rebuild() {
        do {
            try connection.rollback()
            _ = try applyNextChange()
        } catch { endProcess(because: "a commit is durable and could not be put into the database: \(error)") }
    }

    /// - Returns: Whether there was one.
    private func applyNextChange() throws -> Bool {
        guard let logGate, let change = try logGate.nextChange() else { return false }
        try replace(with: change)
        logGate.didApplyChange()
        return true
    }

    /// Puts another state under all connections.
    ///
    /// SQLite notices nothing of that, so there must be no connection and no frame in the WAL.
    private func replace(with change: DatabaseChange) throws {
        guard barrier.raise(patience: configuration.readerPatience, limit: configuration.readerLimit) else {
            throw CatchUpError.readersStay
        }
        defer { barrier.lower() }
        barrier.closeReaders()
        try connection.checkpoint(.truncating)
        let file = connection.path
        try connection.closeRemovingLog()
        openConnection = nil
        guard Self.logSize(file) == nil else {
            // Somebody else has the database open, and would go on with what is no longer there.
            reopen()
            throw CatchUpError.openElsewhere
        }
        do { try change.apply(to: file) } catch {
            endProcess(because: "the database is half changed, and will be restored: \(error)")
        }
        reopen()
    }

    private func reopen() {
        do {
            try open()
            _ = try connection.first("PRAGMA schema_version") { $0.integer(0) }
        } catch {
            endProcess(because: "the database could not be opened again: \(error)")
        }
    }

    /// How often it goes on after a commit that is durable and failed here: on a full disk, each further one may fail too.
    private static let rebuildsMax = 256

    /// Lends the connection to `body`, again whenever another writer was first, or a commit of its own is durable and did
    /// not come through here.
    func lend<Result>(
        until deadline: MonotonicTime,
        _ body: (Connection, any CommitGate) throws -> Result
    ) throws -> Result {
        var rebuildCount = 0
        while true {
            do { return try body(connection, gate) } catch GateFailure.overtaken where MonotonicTime.now < deadline {
                try catchUp()
            } catch let failure as GateFailure {
                if case .notHere = failure {
                    rebuild()
                    rebuildCount += 1
                    if rebuildCount <= Self.rebuildsMax { continue }
                }
                try? connection.rollback()
                throw failure
            } catch {
                try? connection.rollback()
                throw error
            }
        }
    }

    // MARK: The end

    /// Closes for good.
    ///
    /// - Returns: Whether everything is in the database file, and no WAL stands beside it.
    func close() -> Bool {
        do {
            try connection.checkpoint(.truncating)
            guard logGate != nil || configuration.removesLogAtClose else { return false }
            // Who serves no more has no readers; whoever copies the file had better be gone as well.
            guard barrier.raise(patience: .zero, limit: Self.endPatience) else { return false }
            barrier.closeReaders()
            let file = connection.path
            try connection.closeRemovingLog()
            openConnection = nil
            return Self.logSize(file) == nil
        } catch {
            configuration.report("The write-ahead log could not be moved into the database: \(error)")
            return false
        }
    }

    /// How long the end waits for readers.
    private static let endPatience = Duration.seconds(1)

    /// How large the WAL is; nil if there is none.
    private static func logSize(_ path: String) -> Int? {
        var status = stat()
        return stat("\(path)-wal", &status) == 0 ? Int(status.st_size) : nil
    }
}

/// Why another writer's commits could not be taken over now.
package enum CatchUpError: Error {
    /// Reads did not end in time.
    case readersStay
    /// Another connection has the database open, in this process or another.
    case openElsewhere
}
