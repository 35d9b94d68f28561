internal import LTX
package import SQLite
internal import Synchronization
internal import Threads
internal import WAL

/// The gate that is in the bucket: a commit becomes visible once its pages are in the log there.
///
/// Belongs to one database, whose writer's thread makes all calls; the mutexes only say so to the compiler.
package final class ShippingGate: LogGate {
    /// Puts the database, as it is at the end of the log, into a new file at `path`.
    ///
    /// - Returns: What to do when that file has taken the database's place.
    package typealias Restore = @Sendable (_ path: String) async throws -> @Sendable () async -> Void

    private struct State {
        /// Where the last admitted frame ends; nil if the log in the WAL file has none.
        var end: WALPosition?
        /// What is durable and not yet known to be visible.
        var shipped: ShippedFile?
        var given: Given?
        /// The last change went to the end of the log, as that was seen when it was fetched.
        var isAtEnd = false
    }

    /// What `nextChange` gave.
    private enum Given {
        case shipped
        case files(upTo: Position, sawEnd: Bool)
        case restored(@Sendable () async -> Void)
    }

    private let log: any CommitLog
    private let patience: Duration
    private let restorePath: String
    private let restore: Restore
    private let didCommit: @Sendable (ShippedFile) -> Void
    private let state = Mutex(State())
    private let waits = Waits()

    /// A gate for the database at `path`.
    ///
    /// - Parameters:
    ///   - log: Stands where the database does.
    ///   - path: The database; what is restored is put beside it first.
    ///   - patience: How long a commit waits for the bucket, besides the time that its bytes take.
    ///   - restore: Used when the log has moved on too far to be followed.
    ///   - didCommit: Told of each transaction of this gate once it is visible; must not block.
    package init(
        _ log: any CommitLog,
        for path: String,
        patience: Duration = .seconds(10),
        restore: @escaping Restore,
        didCommit: @escaping @Sendable (ShippedFile) -> Void = { _ in }
    ) {
        (self.log, self.patience, self.restore, self.didCommit) = (log, patience, restore, didCommit)
        restorePath = "\(path).restored"
    }

    package var hasHistory: Bool { log.position != nil }

    /// Has the bucket be asked nothing more: what it is being asked ends soon, with an outcome that may be unknown.
    package func giveUp() { waits.cutShort() }

    // MARK: Committing

    package func commit(_ connection: Connection) throws -> UInt64? {
        do { try connection.commitGuarded() } catch {
            let shipped = state.withLock { $0.shipped }
            if let shipped { throw GateFailure.notHere(shipped.position.txid.rawValue) }
            throw error
        }
        let shipped = state.withLock { $0.shipped.take() }
        if let shipped { didCommit(shipped) }
        // What changed nothing rests on the transaction before.
        return log.position?.txid.rawValue
    }

    package func begin(_ files: LogFiles) throws(SQLiteError) {
        state.withLock { $0.end = nil }
    }

    package func admit(_ files: LogFiles, isCommit: Bool) throws {
        let frames = try NewFrames(files, after: state.withLock { $0.end })
        guard isCommit else {
            // The WAL of a database that is yet to be adopted is not ours to judge.
            guard hasHistory, let frames, frames.transactionCount > 0 else { return }
            throw ShippingError.uncalledCommit
        }
        guard let frames, frames.isOneTransaction else { throw ShippingError.noCommit }
        let header = log.nextHeader(pageSize: UInt32(frames.pageSize), commit: frames.commit)
        let shipped = try ShippedFile(header, frames)
        // A large database, or a migration of one, gets the time it needs.
        let patience = patience + LogTiming.lineTime(of: shipped.bytes.count)
        switch waits.run({ [log] in await log.append(shipped.bytes, shipped.position, within: patience) }) {
        case .committed:
            state.withLock { ($0.end, $0.shipped) = (frames.end, shipped) }
        case .lost: throw GateFailure.overtaken
        case .unknown(let error): throw GateFailure.outcomeUnknown(error)
        case .refused(let error): throw error
        }
    }

    package func admittedSize(_ files: LogFiles) throws -> Int {
        guard let end = state.withLock({ $0.end }), let header = try NewFrames.header(files) else { return 0 }
        return end.isInLog(of: header) ? Int(end.offset) : 0
    }

    // MARK: Catching up

    package func nextChange() throws -> DatabaseChange? {
        if let shipped = state.withLock({ $0.shipped }) {
            let change = try PageChange.merging([shipped.bytes], isWhole: false).change
            state.withLock { $0.given = .shipped }
            return .pages(change)
        }
        // Where others write without a rest, to look again would not end: what they add meanwhile, the next race shows.
        let isAtEnd = state.withLock { state in
            defer { state.isAtEnd = false }
            return state.isAtEnd
        }
        guard !isAtEnd else { return nil }
        switch try waits.run({ [log] () async throws(LogError) in try await log.fetchNewer() }) {
        case .none: return nil
        case .files(let newer, let sawEnd):
            // A file with another page size holds the whole database, and is a change of its own.
            let files = newer.prefix { $0.header.pageSize == newer[0].header.pageSize }
            let (change, end) = try PageChange.merging(files.map(\.bytes), isWhole: !hasHistory)
            let isEnd = sawEnd && files.count == newer.count
            state.withLock { $0.given = .files(upTo: end, sawEnd: isEnd) }
            return .pages(change)
        case .restore:
            let done = try waits.run { [restore, restorePath] in try await restore(restorePath) }
            state.withLock { $0.given = .restored(done) }
            return .file(restorePath, movesAside: !hasHistory)
        }
    }

    package func didApplyChange() {
        switch state.withLock({ $0.given.take() }) {
        case .shipped: state.withLock { $0.shipped = nil }
        case .files(let position, let sawEnd):
            waitFor { [log] in await log.advance(to: position) }
            state.withLock { $0.isAtEnd = sawEnd }
        case .restored(let done): waitFor { await done() }
        case nil: preconditionFailure("nothing was given")
        }
    }
}

/// Why frames were refused that have nothing to do with other writers.
package enum ShippingError: Error, CustomStringConvertible {
    /// Frames of a commit that nobody announced.
    case uncalledCommit
    /// A commit was announced, and the log does not end with one.
    case noCommit

    package var description: String {
        switch self {
        case .uncalledCommit: "the write-ahead log holds a commit that nobody let through"
        case .noCommit: "the write-ahead log does not end with a commit"
        }
    }
}
