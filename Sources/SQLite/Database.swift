internal import CLinux
internal import Dispatch
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
        /// How long reads may go on when another state of the database is to take the place of this one.
        package var readerPatience = Duration.seconds(1)
        /// How long to wait for them after that, while what they run is interrupted again and again.
        package var readerLimit = Duration.seconds(10)
        /// Whether the end closes all connections and removes the WAL; it does so in any case with a gate that keeps a log.
        package var removesLogAtClose = false
        /// Hears of failures that have no caller to tell.
        package var report: @Sendable (_ failure: String) -> Void = { _ in }

        /// Hears how many writes shared a batch, and how long it took, the gate included; on the writer's thread.
        package var didRunBatch: @Sendable (_ count: Int, _ duration: Duration) -> Void = { _, _ in }

        package init() {}
    }

    private static let writerCondition = 0
    private static let deadlineCondition = 1

    /// What the writer's thread does next.
    private enum Work {
        case batch([WriteJob])
        /// Work that begins and ends its own transactions.
        case request(@Sendable (Writer) -> Void)
        case catchUp([UnsafeContinuation<Void, any Error>])
        case end
    }

    private struct State {
        var queue = WriteQueue<WriteJob>(limits: .init())
        var returns = Returns()
        var requests: [@Sendable (Writer) -> Void] = []
        var catchUps: [UnsafeContinuation<Void, any Error>] = []
        /// Whether the thread that watches deadlines sleeps without one.
        var isWatchParked = true
        var hasWriterStopped = false
        /// Whether everything was in the database file when the writer stopped, with no WAL beside it.
        var isWhole = false

        mutating func takeWork() -> Work? {
            if !requests.isEmpty { return .request(requests.removeFirst()) }
            if !catchUps.isEmpty {
                defer { catchUps = [] }
                return .catchUp(catchUps)
            }
            let batch = queue.takeBatch(at: .now)
            if !batch.isEmpty { return .batch(batch) }
            return queue.isClosed ? .end : nil
        }
    }

    private struct Threads: ~Copyable {
        let writer: WorkerThread
        let watch: WorkerThread
    }

    private let path: String
    private let configuration: Configuration
    private let state = Monitor(State(), conditions: 2)
    private let barrier = ReadBarrier()
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
        let writer = SendableWriter(writer: try Writer(path, gate, barrier, configuration))
        sharedReader = Monitor(Reader(path, barrier), conditions: 0)
        var key = pthread_key_t()
        let code = pthread_key_create(&key, nil)
        precondition(code == 0, "no key for thread-specific data: error \(code)")
        attachedKey = key
        threads = Mutex(nil)
        threads.withLock { threads in
            threads = Threads(
                writer: WorkerThread(named: "sqlite-writer") { [self] in
                    writeLoop(writer.writer)
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
        let reader = Reader(path, barrier)
        try reader.prepare()
        let thread = AttachedThread(reader: reader, deliver: deliver)
        pthread_setspecific(attachedKey, Unmanaged.passRetained(thread).toOpaque())
    }

    /// Undoes ``attachThread(deliver:)``; must run on the same thread, before it ends.
    package func detachThread() {
        guard let pointer = pthread_getspecific(attachedKey) else { return }
        pthread_setspecific(attachedKey, nil)
        Unmanaged<AttachedThread>.fromOpaque(pointer).takeRetainedValue().reader.retire()
    }

    /// To be called by an attached thread whenever it has nothing more to do at once.
    @inline(__always)
    package func endSnapshot() { attachedThread?.reader.endSnapshot() }

    /// Keeps the file as it is under whoever copies it with a connection of their own; waits while it is being replaced.
    ///
    /// Such connections must be opened after this and closed before the hold is let go.
    package func holdFile() throws -> FileHold { try FileHold(barrier) }

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
                state.returns.didCome(at: .now)
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

    /// Brings the database to the end of the gate's log, for reads that must see what others have written.
    ///
    /// All who wait for it share one look at the log. Without a log there is nothing to do.
    package func catchUp() async throws {
        try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
            let isClosed = state.withLock { state in
                if !state.queue.isClosed { state.catchUps.append(continuation) }
                return state.queue.isClosed
            }
            guard !isClosed else { return continuation.resume(throwing: WriteFailure.closed) }
            state.signal(Self.writerCondition)
        }
    }

    /// Lends the writer's connection to `body`, which begins and ends its own transactions: migrations and seeds.
    ///
    /// Blocks the calling thread, which may neither be attached nor run tasks of others. Writes wait meanwhile.
    ///
    /// - Parameters:
    ///   - patience: How long to try again after other writers were first.
    ///   - body: Must commit by way of the gate that it gets, and let through what that throws. When another writer was
    ///     first (``GateFailure/overtaken``), it runs again from the start, on the new state and perhaps with another
    ///     connection: it has to look anew what is still to be done. So it does after a commit of its own that is durable
    ///     and failed here (``GateFailure/notHere(_:)``): by then, the database has it.
    /// - Returns: What `body` returned.
    /// - Throws: What `body` threw, or why the log cannot be reached.
    package func exclusively<Result: Sendable>(
        within patience: Duration = .seconds(60),
        _ body: @escaping @Sendable (Connection, any CommitGate) throws -> Result
    ) throws -> Result {
        let done = DispatchSemaphore(value: 0)
        let outcome = Mutex<Swift.Result<Result, any Error>>(.failure(WriteFailure.closed))
        let deadline = MonotonicTime.now.advanced(by: patience)
        // The semaphore is signalled before this returns, so `outcome` outlives the closure's use of it.
        let isClosed = state.withLock { state in
            guard !state.queue.isClosed else { return true }
            state.requests.append { writer in
                let result = Swift.Result { try writer.lend(until: deadline, body) }
                outcome.withLock { $0 = result }
                done.signal()
            }
            return false
        }
        guard !isClosed else { throw WriteFailure.closed }
        state.signal(Self.writerCondition)
        done.wait()
        return try outcome.withLock { try $0.get() }
    }

    /// Commits the database as it is, so that the gate's log begins with all of it, even if nobody ever writes.
    ///
    /// - Returns: The transaction's number.
    @discardableResult
    package func adopt() throws -> UInt64? {
        let adopted = Mutex(UInt64?.none)
        return try exclusively { connection, gate in
            if let txid = adopted.withLock({ $0 }) { return txid }
            try connection.begin()
            // Changes page 1, and nothing in it.
            let version = try connection.first("PRAGMA user_version") { $0.integer(0) } ?? 0
            try connection.runScript("PRAGMA user_version = \(version)")
            do { return try gate.commit(connection) } catch GateFailure.notHere(let txid) {
                adopted.withLock { $0 = txid }
                throw GateFailure.notHere(txid)
            }
        }
    }

    /// Answers all who wait for a write: the end has come before its time.
    ///
    /// What waits is not done. What is at the gate may still be, so whoever owns that has to cut it short too.
    package func giveUpWrites() {
        let left = state.withLock { $0.queue.giveUp() }
        state.signal(Self.writerCondition)
        answer(left.waiting, failure: .closed)
        answer(left.inBatch, failure: .outcomeUnknown)
    }

    /// Writes what still waits, moves the WAL into the database, and stops both threads.
    ///
    /// Idempotent; whoever comes second waits for the first. With a gate that keeps a log, and where the configuration
    /// says so, all connections are closed and later reads fail.
    ///
    /// - Returns: Whether everything is in the database file, with no WAL beside it.
    @discardableResult
    package func close() -> Bool {
        state.withLock { $0.queue.close() }
        state.signal(Self.writerCondition)
        state.signal(Self.deadlineCondition)
        threads.withLock { threads in
            guard let running = threads.take() else { return }
            running.writer.join()
            running.watch.join()
        }
        return state.withLock { $0.isWhole }
    }

    private func writeLoop(_ writer: Writer) {
        let runner = BatchRunner(writer: writer)
        // Readers that take turns leave the log no moment to start again, so at times the writer waits for them; one that
        // stays makes it wait rarely.
        let restartPagesMin = configuration.checkpointPages * 4
        var restartPages = restartPagesMin
        loop: while true {
            switch state.wait(for: Self.writerCondition, until: { $0.queue.gatheringEnd }, { $0.takeWork() }) {
            case .batch(let batch):
                let start = ContinuousClock.now
                runner.run(batch)
                let duration = ContinuousClock.now - start
                configuration.didRunBatch(batch.count, duration)
                answer(
                    state.withLock { state in
                        let (done, now) = (state.queue.finishBatch(), MonotonicTime.now)
                        state.returns.didAnswer(done.count, at: now)
                        if let wait = state.returns.worthwhileWait(after: duration) {
                            state.queue.gather(done.count, until: now.advanced(by: wait))
                        }
                        return done
                    }
                )
            case .request(let run): run(writer)
            case .catchUp(let waiting):
                let result = Result { try writer.catchUp() }
                for continuation in waiting { continuation.resume(with: result) }
            case .end: break loop
            }
            let pages = writer.connection.walFrameCount
            if pages >= restartPages {
                restartPages = checkpoint(writer.connection, .restarting) ? restartPagesMin : pages * 2
            } else if pages >= configuration.checkpointPages {
                checkpoint(writer.connection, .passive)
            }
        }
        let isWhole = writer.close()
        barrier.close()
        state.withLock { state in
            state.hasWriterStopped = true
            state.isWhole = isWhole
        }
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

/// Takes the writer to its thread, once.
private struct SendableWriter: @unchecked Sendable {
    let writer: Writer
}
