/// A read-only connection and the snapshot it may hold.
///
/// In WAL mode each transaction costs two file locks and a stat; a thread that serves many reads in a row keeps one
/// snapshot for all of them.
final class Reader {
    private let connection: Connection
    private var hasSnapshot = false

    init(_ path: String) throws(SQLiteError) {
        connection = try Connection(path, .readOnly)
    }

    /// Runs `body` in the snapshot, taking it if there is none.
    func read<Result>(_ body: (Connection) throws -> Result) throws -> Result {
        if !hasSnapshot {
            try connection.run("BEGIN")
            hasSnapshot = true
        }
        return try body(connection)
    }

    /// Lets go of the snapshot: the next read sees what is committed by then.
    func endSnapshot() {
        guard hasSnapshot else { return }
        hasSnapshot = false
        // Ending a transaction that only read cannot fail to end it; there is nothing to lose or to report.
        do { try connection.run("COMMIT") } catch { try? connection.rollback() }
    }
}

/// A thread that has a reader of its own and takes the answers to its writes in one parcel for each batch.
///
/// Safe to share: the reader is touched by its own thread alone, all others only call `deliver`.
final class AttachedThread: @unchecked Sendable {
    let reader: Reader
    private let deliver: @Sendable (@escaping @Sendable () -> Void) -> Void

    init(reader: Reader, deliver: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        self.reader = reader
        self.deliver = deliver
    }

    /// Answers writes on this thread.
    func answer(_ jobs: [WriteJob], failure: WriteFailure?) {
        deliver { [self] in
            // What runs next may read, and must see what was just written.
            reader.endSnapshot()
            for job in jobs { job.answer(failure: failure) }
        }
    }
}
