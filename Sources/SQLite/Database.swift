internal import CLinux
internal import Glibc
internal import Synchronization
internal import Threads

/// One SQLite file: one thread that writes, a reader for each thread that serves, and a gate in front of every commit.
///
/// - `read` runs at once, on the calling thread.
/// - `write` waits for its batch: the writer takes all that wait as one transaction, and answers when the gate has let
///   it through.
package final class Database: Sendable {
    package struct Configuration: Sendable {
        /// How long a write may wait for its answer.
        package var writeTimeout = Duration.seconds(10)
        /// The WAL is moved into the database when it has grown to this many pages.
        package var checkpointPages = 1000
        /// Hears of failures that have no caller to tell.
        package var report: @Sendable (_ failure: String) -> Void = { _ in }

        /// Hears how many writes shared a batch, and how long it took, the gate included; on the writer's thread.
        package var didRunBatch: @Sendable (_ count: Int, _ duration: Duration) -> Void = { _, _ in }

        package init() {}
    }

    private static let writerCondition = 0
    private static let deadlineCondition = 1

    private struct State {
        var queue = WriteQueue<WriteJob>(limits: .init())
        /// Whether the thread that watches deadlines sleeps without one.
        var isWatchParked = true
        var hasWriterStopped = false
    }

    private struct Threads: ~Copyable {
        let writer: WorkerThread
        let watch: WorkerThread
    }

    private let path: String
    private let configuration: Configuration
    private let state = Monitor(State(), conditions: 2)
    private let threads: Mutex<Threads?>
    /// For threads that are not attached: command line and tests.
    private let sharedReader: Monitor<Reader>
    private let attachedKey: pthread_key_t

    /// Opens the file, creating it if there is none.
    package init(
        _ path: String,
        gate: any CommitGate = LocalGate(),
        configuration: Configuration = .init()
    ) throws(SQLiteError) {
        self.path = path
        self.configuration = configuration
        // The writer comes first: it puts a new file into WAL mode, which readers need.
        let writer = SendableConnection(connection: try Connection(path, .readWrite))
        sharedReader = Monitor(try Reader(path), conditions: 0)
        var key = pthread_key_t()
        let code = pthread_key_create(&key, nil)
        precondition(code == 0, "no key for thread-specific data: error \(code)")
        attachedKey = key
        threads = Mutex(nil)
        threads.withLock { threads in
            threads = Threads(
                writer: WorkerThread(named: "sqlite-writer") { [self] in
                    writeLoop(BatchRunner(connection: writer.connection, gate: gate))
                },
                watch: WorkerThread(named: "sqlite-watch") { [self] in watchLoop() }
            )
        }
    }

    deinit {
        pthread_key_delete(attachedKey)
    }

    // MARK: Reading

    /// Runs `body`, which cannot suspend, on a snapshot of what is committed.
    ///
    /// `body` must use the connection it is given: to come back here from a thread that is not attached would wait for
    /// itself.
    package func read<Result>(_ body: (Connection) throws -> Result) throws -> Result {
        if let thread = attachedThread { return try thread.reader.read(body) }
        return try sharedReader.withLock { reader in
            defer { reader.endSnapshot() }
            return try reader.read(body)
        }
    }

    /// Gives the calling thread a reader of its own, whose snapshot lasts until ``endSnapshot()``.
    ///
    /// `deliver` runs a closure on the calling thread, soon; it is used once for each batch that answers writes of this
    /// thread.
    package func attachThread(deliver: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) throws {
        precondition(attachedThread == nil, "the thread is attached already")
        let thread = AttachedThread(reader: try Reader(path), deliver: deliver)
        pthread_setspecific(attachedKey, Unmanaged.passRetained(thread).toOpaque())
    }

    /// Undoes ``attachThread(deliver:)``; must run on the same thread, before it ends.
    package func detachThread() {
        guard let pointer = pthread_getspecific(attachedKey) else { return }
        pthread_setspecific(attachedKey, nil)
        Unmanaged<AttachedThread>.fromOpaque(pointer).release()
    }

    /// To be called by an attached thread whenever it has nothing more to do at once.
    @inline(__always)
    package func endSnapshot() { attachedThread?.reader.endSnapshot() }

    private var attachedThread: AttachedThread? {
        pthread_getspecific(attachedKey).map { Unmanaged<AttachedThread>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: Writing

    /// How many writes wait for a batch to take them.
    package var waitingCount: Int { state.withLock { $0.queue.waitingCount } }

    /// Runs `body` in the next batch, and returns when the gate has let the batch through.
    ///
    /// - Parameters:
    ///   - byteCount: How much memory `body` holds on to, if that is much.
    ///   - body: May run several times; only the last result counts. May not begin or end transactions.
    /// - Returns: What `body` returned, and the receipt for it.
    /// - Throws: What `body` threw, or a ``WriteFailure``.
    @discardableResult
    package func write<Result: Sendable>(
        byteCount: Int = 0,
        _ body: @escaping @Sendable (Connection) throws -> Result
    ) async throws -> Committed<Result> {
        try await withUnsafeThrowingContinuation { continuation in
            let job = TypedWriteJob(
                deadline: .now.advanced(by: configuration.writeTimeout),
                byteCount: byteCount,
                thread: attachedThread,
                body: body,
                continuation: continuation
            )
            let (admission, wakesWatch) = state.withLock { state in
                let admission = state.queue.add(job)
                defer { state.isWatchParked = false }
                return (admission, state.isWatchParked)
            }
            switch admission {
            case .admitted(let wakesWriter):
                if wakesWriter { state.signal(Self.writerCondition) }
                if wakesWatch { state.signal(Self.deadlineCondition) }
            case .full: continuation.resume(throwing: WriteFailure.queueFull)
            case .closed: continuation.resume(throwing: WriteFailure.closed)
            }
        }
    }

    /// Writes what still waits, moves the WAL into the database, and stops both threads.
    ///
    /// Idempotent; whoever comes second waits for the first.
    package func close() {
        state.withLock { $0.queue.close() }
        state.signal(Self.writerCondition)
        state.signal(Self.deadlineCondition)
        threads.withLock { threads in
            guard let running = threads.take() else { return }
            running.writer.join()
            running.watch.join()
        }
    }

    private func writeLoop(_ runner: BatchRunner) {
        // Readers that take turns leave the log no moment to start again, so at times the writer waits for them; one that
        // stays makes it wait rarely.
        let restartPagesMin = configuration.checkpointPages * 4
        var restartPages = restartPagesMin
        while true {
            let batch = state.wait(for: Self.writerCondition) { state -> [WriteJob]? in
                let batch = state.queue.takeBatch()
                return batch.isEmpty && !state.queue.isClosed ? nil : batch
            }
            guard !batch.isEmpty else { break }
            let start = ContinuousClock.now
            runner.run(batch)
            configuration.didRunBatch(batch.count, .now - start)
            answer(state.withLock { $0.queue.finishBatch() })
            let pages = runner.connection.walFrameCount
            if pages >= restartPages {
                restartPages = checkpoint(runner.connection, .restarting) ? restartPagesMin : pages * 2
            } else if pages >= configuration.checkpointPages {
                checkpoint(runner.connection, .passive)
            }
        }
        checkpoint(runner.connection, .truncating)
        state.withLock { $0.hasWriterStopped = true }
        state.signal(Self.deadlineCondition)
    }

    @discardableResult
    private func checkpoint(_ connection: Connection, _ kind: Connection.Checkpoint) -> Bool {
        do {
            try connection.checkpoint(kind)
            return true
        } catch {
            // Nothing is lost: the WAL holds it all, and a later batch tries again.
            configuration.report("The write-ahead log could not be moved into the database: \(error)")
            return false
        }
    }

    /// Answers those whose time is up while the writer is held up at the gate.
    private func watchLoop() {
        while true {
            let expired = state.wait(
                for: Self.deadlineCondition,
                until: { $0.queue.nextDeadline },
                { state -> (waiting: [WriteJob], inBatch: [WriteJob])? in
                    guard !state.hasWriterStopped else { return ([], []) }
                    state.isWatchParked = state.queue.nextDeadline == nil
                    let expired = state.queue.takeExpired(at: .now)
                    return expired.waiting.isEmpty && expired.inBatch.isEmpty ? nil : expired
                }
            )
            guard !expired.waiting.isEmpty || !expired.inBatch.isEmpty else { return }
            answer(expired.waiting, failure: .expired)
            answer(expired.inBatch, failure: .outcomeUnknown)
        }
    }

    /// Wakes each waiting thread once, however many of its writes are answered.
    private func answer(_ jobs: [WriteJob], failure: WriteFailure? = nil) {
        var parcels: [(thread: AttachedThread, jobs: [WriteJob])] = []
        for job in jobs {
            guard let thread = job.thread else {
                job.answer(failure: failure)
                continue
            }
            if let index = parcels.firstIndex(where: { $0.thread === thread }) {
                parcels[index].jobs.append(job)
            } else {
                parcels.append((thread, [job]))
            }
        }
        for parcel in parcels { parcel.thread.answer(parcel.jobs, failure: failure) }
    }
}

/// Takes the writer's connection to the writer's thread, once.
private struct SendableConnection: @unchecked Sendable {
    let connection: Connection
}
