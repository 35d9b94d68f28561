internal import Threads

/// A read-only connection and the snapshot it may hold.
///
/// In WAL mode each transaction costs two file locks and a stat; a thread that serves many reads in a row keeps one
/// snapshot for all of them. The connection is only there from the first read on, and again after the file was replaced.
///
/// Safe to share: its thread alone uses it, while it holds its right at the barrier. Others close the connection while
/// nobody can, or interrupt it.
final class Reader: @unchecked Sendable {
    private let path: String
    private let barrier: ReadBarrier
    private let right = ReadBarrier.Right()
    private let interrupter = Interrupter()
    private var connection: Connection?
    private var hasSnapshot = false

    init(_ path: String, _ barrier: ReadBarrier) {
        (self.path, self.barrier) = (path, barrier)
        barrier.add(right, of: self)
    }

    /// Opens the connection, so that what cannot be opened is known before the first read.
    func prepare() throws {
        try barrier.enter(right)
        defer { barrier.leave(right) }
        _ = try open()
    }

    /// Runs `body` in the snapshot, taking it if there is none.
    func read<Result>(_ body: (Connection) throws -> Result) throws -> Result {
        if hasSnapshot, let connection { return try body(connection) }
        try barrier.enter(right)
        do {
            let connection = try open()
            try connection.run("BEGIN")
            hasSnapshot = true
            return try body(connection)
        } catch {
            if !hasSnapshot { barrier.leave(right) }
            throw error
        }
    }

    /// Lets go of the snapshot: the next read sees what is committed by then.
    func endSnapshot() {
        guard hasSnapshot else { return }
        hasSnapshot = false
        // Ending a transaction that only read cannot fail to end it; there is nothing to lose or to report.
        do { try connection?.run("COMMIT") } catch { try? connection?.rollback() }
        barrier.leave(right)
    }

    /// Closes the connection for good, unless it is closed already because nobody may read any more.
    func retire() {
        endSnapshot()
        guard (try? barrier.enter(right)) != nil else { return }
        connection = nil
        barrier.leave(right)
    }

    private func open() throws(SQLiteError) -> Connection {
        if let connection { return connection }
        let connection = try Connection(path, .readOnly, interrupter)
        self.connection = connection
        return connection
    }

    // MARK: For whoever raised the barrier

    func interrupt() { interrupter.interrupt() }

    func closeConnection() { connection = nil }
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

/// The right to have the database's file open, beside the readers: for whoever copies it.
///
/// As long as it lives nobody puts another state in the file's place; give it up soon once it is ``isWanted``.
package final class FileHold: Sendable {
    private let barrier: ReadBarrier
    private let right = ReadBarrier.Right()

    init(_ barrier: ReadBarrier) throws {
        self.barrier = barrier
        barrier.add(right)
        try barrier.enter(right)
    }

    deinit { barrier.leave(right) }

    /// Whether the writer waits for this to end, and all writes with it.
    package var isWanted: Bool { barrier.isWanted }

    /// Has `body` called when it is wanted, by whoever wants it, and at once if it is now.
    ///
    /// It may be called several times, and must not wait for anything.
    package func whenWanted(_ body: @escaping @Sendable () -> Void) {
        right.whenWanted(body)
        // Whoever wants it from now on finds `body`; whoever came just before may not have.
        if isWanted { body() }
    }
}
