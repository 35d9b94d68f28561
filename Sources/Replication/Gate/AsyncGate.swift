internal import LTX
package import SQLite
internal import Synchronization
internal import Threads
internal import WAL

/// The gate that is on this disk, with a log in the bucket that follows it: for a single writer whose disk is kept.
///
/// A commit is answered after SQLite's own sync. What it changed waits here, each page once and in its newest version,
/// until a thread adds it to the log, at most an interval later. When another writer is found in the log, it is too late
/// to run anything again: then nothing is written any more, and this says so.
package final class AsyncGate: CommitGate {
    package struct Limits: Sendable {
        /// How long a change waits for others to share its file.
        package var interval = Duration.seconds(1)
        /// How much may wait; beyond that, commits wait too.
        package var backlogBytesMax = 64 << 20
        /// How long a commit waits for room.
        package var patience = Duration.seconds(10)

        package init() {}
    }

    private struct State {
        /// Where the frames end that are in the backlog already.
        var end: WALPosition?
        var backlog = PageBacklog()
        /// When the oldest of what waits is due; nil if nothing waits.
        var due: MonotonicTime?
        /// Since when the log has lacked something.
        var behindSince: MonotonicTime?
        /// The whole database, where the log has nothing yet.
        var first: ShippedFile?
        /// Whether a file that was taken from the backlog is not known to be in the log yet.
        var isShipping = false
        var isClosing = false
        /// Whether nothing is added to the log any more.
        var hasEnded = false
        /// Why nothing is written any more.
        var failure: (any Error)?

        var isEmpty: Bool { backlog.isEmpty && first == nil }
    }

    private static let workCondition = 0
    private static let roomCondition = 1
    private static let endCondition = 2

    /// The longest wait before a file that did not get into the log is tried again.
    private static let pauseMax = Duration.seconds(1)

    private let log: any CommitLog
    private let limits: Limits
    private let report: @Sendable (String) -> Void
    private let didShip: @Sendable (ShippedFile) -> Void
    private let state = Monitor(State(), conditions: 3)
    private let thread: Mutex<WorkerThread?>
    private let waits = Waits()

    /// A gate for a database whose WAL is empty, and which is where the log stands.
    ///
    /// - Parameters:
    ///   - log: Stands where the database does.
    ///   - limits: How much may wait, and how long.
    ///   - report: Hears of what has no caller to tell.
    ///   - didShip: Told of each file that is in the log; must not block.
    package init(
        _ log: any CommitLog,
        limits: Limits = Limits(),
        report: @escaping @Sendable (String) -> Void,
        didShip: @escaping @Sendable (ShippedFile) -> Void = { _ in }
    ) {
        (self.log, self.limits, self.report, self.didShip) = (log, limits, report, didShip)
        thread = Mutex(nil)
        thread.withLock { $0 = WorkerThread(named: "log-upload") { [self] in ship() } }
    }

    // MARK: Committing

    package func commit(_ connection: Connection) throws -> UInt64? {
        let deadline = MonotonicTime.now.advanced(by: limits.patience)
        let admission = state.wait(for: Self.roomCondition, until: { _ in deadline }) {
            state -> Result<Void, any Error>? in
            if let failure = state.failure { return .failure(failure) }
            if state.backlog.byteCount < limits.backlogBytesMax { return .success(()) }
            return MonotonicTime.now < deadline ? nil : .failure(AsyncGateError.backlogFull)
        }
        try admission.get()
        try connection.commit()
        // It is durable: whatever happens from here on is not the caller's.
        do { try take(from: connection) } catch { stop("what was committed could not be read back: \(error)", error) }
        return nil
    }

    private func take(from connection: Connection) throws {
        guard let frames = try NewFrames(connection, after: state.withLock { $0.end }) else { return }
        guard frames.transactionCount > 0 else { return }
        let isFirst = log.position == nil && state.withLock { $0.first == nil }
        let first = isFirst ? try firstFile(frames) : nil
        let pages = isFirst ? [] : try frames.pages.map { (number: $0.number, bytes: try frames.content(of: $0)) }
        state.withLock { state in
            state.end = frames.end
            if let first { state.first = first }
            for page in pages { state.backlog.add(page.number, page.bytes) }
            state.backlog.resize(pageSize: frames.pageSize, pageCount: frames.commit)
            let now = MonotonicTime.now
            if state.due == nil { state.due = now.advanced(by: limits.interval) }
            if state.behindSince == nil { state.behindSince = now }
        }
        state.signal(Self.workCondition)
    }

    private func firstFile(_ frames: NewFrames) throws -> ShippedFile {
        try ShippedFile(log.nextHeader(pageSize: UInt32(frames.pageSize), commit: frames.commit), frames)
    }

    private func stop(_ reason: String, _ error: any Error) {
        let isNew = state.withLock { state in
            defer { state.failure = state.failure ?? error }
            return state.failure == nil
        }
        if isNew { report("Nothing is written any more: \(reason)") }
        state.broadcast(Self.roomCondition)
        state.signal(Self.workCondition)
    }

    // MARK: Shipping

    /// For how long the log has lacked something that was answered.
    package var lag: Duration {
        state.withLock { $0.behindSince }.map { .nanoseconds(MonotonicTime.now.nanoseconds - $0.nanoseconds) } ?? .zero
    }

    /// Adds what waits to the log at once, for whoever keeps commits out and needs both in one place.
    ///
    /// - Returns: Whether the log holds all that is committed.
    package func settle(within patience: Duration) -> Bool {
        let deadline = MonotonicTime.now.advanced(by: patience)
        state.withLock { if !$0.isEmpty { $0.due = .now } }
        state.signal(Self.workCondition)
        return state.wait(for: Self.roomCondition, until: { _ in deadline }) { state -> Bool? in
            guard state.failure == nil else { return false }
            if state.isEmpty, !state.isShipping { return true }
            return MonotonicTime.now < deadline ? nil : false
        }
    }

    /// Adds what still waits to the log, and ends the thread.
    ///
    /// To be called once, after the database is closed. When the limit is reached, the bucket is asked nothing more.
    ///
    /// - Returns: Whether the log now holds everything.
    package func close(within limit: Duration) -> Bool {
        state.withLock { $0.isClosing = true }
        state.signal(Self.workCondition)
        let deadline = MonotonicTime.now.advanced(by: limit)
        state.wait(for: Self.endCondition, until: { _ in deadline }) { state in
            state.hasEnded || MonotonicTime.now >= deadline ? () : nil
        }
        waits.cutShort()
        thread.withLock { $0.take()?.join() }
        return state.withLock { $0.isEmpty && $0.failure == nil }
    }

    private func ship() {
        defer {
            state.withLock { $0.hasEnded = true }
            state.signal(Self.endCondition)
        }
        while let file = nextFile() {
            guard append(file) else { return }
            state.withLock { state in
                state.isShipping = false
                if state.first?.position == file.position { state.first = nil }
                // What came meanwhile became due an interval after it came.
                state.behindSince = state.due?.advanced(by: .zero - limits.interval)
            }
            didShip(file)
            state.broadcast(Self.roomCondition)
        }
    }

    /// Waits until something is due; nil when there will be nothing more.
    private func nextFile() -> ShippedFile? {
        let next = state.wait(for: Self.workCondition, until: { $0.due }) { state -> Next? in
            guard state.failure == nil else { return .end }
            let isDue = state.isClosing || (state.due.map { $0 <= .now } ?? false)
            guard isDue else { return nil }
            guard !state.isEmpty else { return state.isClosing ? .end : nil }
            if let first = state.first {
                state.due = state.backlog.isEmpty ? nil : state.due
                return .file(first)
            }
            (state.due, state.isShipping) = (nil, true)
            return .backlog(state.backlog.take())
        }
        switch next {
        case .end: return nil
        case .file(let file): return file
        case .backlog(let backlog):
            let header = log.nextHeader(pageSize: UInt32(backlog.pageSize), commit: backlog.pageCount)
            do { return try ShippedFile(header, pages: backlog.pages) } catch {
                stop("a file of the log could not be made: \(error)", error)
                return nil
            }
        }
    }

    private enum Next {
        case file(ShippedFile)
        case backlog(PageBacklog.Contents)
        case end
    }

    /// Adds one file, and tries until its fate is known: another one in its place could not be told from this.
    private func append(_ file: ShippedFile) -> Bool {
        var isReported = false
        while true {
            let trouble: any Error
            switch waits.run({ [log, limits] in await log.append(file.bytes, file.position, within: limits.patience) })
            {
            case .committed: return true
            case .lost:
                stop("another writer has transaction \(file.position.txid) of the log", AsyncGateError.overtaken)
                return false
            case .refused(let error):
                guard error.mayPass else {
                    stop("\(error)", error)
                    return false
                }
                trouble = error
            case .unknown(let error): trouble = error ?? AsyncGateError.unfinished as any Error
            }
            if !isReported { report("The log lags behind: \(trouble)") }
            isReported = true
            let isClosing = state.withLock { $0.isClosing }
            guard !isClosing else {
                stop("the bucket could not be reached before the end", AsyncGateError.unfinished)
                return false
            }
            pause()
        }
    }

    /// Waits before the next try, though not into the end.
    private func pause() {
        let end = MonotonicTime.now.advanced(by: min(limits.interval, Self.pauseMax))
        _ = state.wait(for: Self.workCondition, until: { _ in end }) { state -> Bool? in
            state.isClosing || MonotonicTime.now >= end ? true : nil
        }
    }
}

extension LogError {
    /// Whether the same file may get into the log later.
    fileprivate var mayPass: Bool {
        if case .store = self { return true }
        return false
    }
}

/// Why a commit was refused that the disk would have taken.
package enum AsyncGateError: Error {
    /// The log does not keep up.
    case backlogFull
    /// Another writer's transactions are in the log: what is on this disk is another history.
    case overtaken
    /// The process ends, and the log lacks something.
    case unfinished
}
