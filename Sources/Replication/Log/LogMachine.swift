package import LTX
package import ObjectStore

/// Decides everything about the log in the bucket, and does nothing: no clock, no request.
///
/// One operation at a time: ``begin(_:at:)`` gives the first thing to do, ``handle(_:at:)`` takes what came of it and
/// gives the next one, until that is to finish. The log is a row of objects, one for each transaction, and creating
/// the object of transaction N is what commits it.
///
/// Names come free again when what they held is compacted. So "there is no N+1" proves that nothing is newer, and "I
/// created N" that it is committed, only within ``LogTiming/window`` after the last confirmation: the moment, by the
/// store's clock, at which no name behind our position had come free yet.
package struct LogMachine: Sendable {
    package enum Operation: Sendable {
        /// Creates the file that ends there; given up when the steady clock shows `deadline`.
        case append(LogTip, deadline: Duration)
        /// Makes sure that nothing newer may be hidden; asks the store only when the last confirmation is too old.
        case confirm
        /// Asks the store whether there is something newer.
        case peek
        /// Fetches what is newer.
        case fetch
    }

    /// What to do next.
    package enum Effect: Sendable, Equatable {
        /// Create the file of this transaction, once: `created` or `notCreated`.
        case create(TXID)
        /// Read the file of this transaction and compare: `readBack`, or `failed`.
        ///
        /// `isTaken` says that there is one: if it is another's, it and what follows will be fetched next.
        case readBack(TXID, isTaken: Bool)
        /// List every level, of level 0 only what comes behind this transaction: `listed`, or `failed`.
        case list(after: TXID?)
        /// See whether there is a file of this transaction: `looked`, or `failed`.
        case look(TXID)
        /// Read the file of this transaction: `fetched`, `absent`, `tooLarge`, `unreadable`, or `failed`.
        case fetch(TXID)
        /// See whether our newest file and the base of all restores are still there: `checked`, or `failed`.
        case check(last: TXID, base: String?)
        /// Wait: `paused`.
        case pause(Duration)
        case finish(Outcome)
    }

    /// What came of an effect; times are the store's.
    package enum Event: Sendable {
        case created(at: StoreTime?)
        case notCreated(ObjectStoreError)
        case readBack(ReadBack)
        case listed(LogListing)
        case looked(isThere: Bool, at: StoreTime?)
        case fetched(LogEntry, byteCount: Int, at: StoreTime?)
        /// There was none when that was asked, which may be long before anybody wanted to know.
        case absent(at: StoreTime?, asked: LocalTime)
        case tooLarge
        case unreadable(LogError)
        case checked(lastIsMissing: Bool, baseIsMissing: Bool)
        case failed(ObjectStoreError)
        case paused
    }

    package enum ReadBack: Sendable, Equatable {
        case mine(at: StoreTime?)
        case other(nodeID: UInt64, at: StoreTime?)
        case absent
    }

    package enum Outcome: Sendable, Equatable {
        // Of an append:
        case committed
        /// The name is taken by another batch, and this one certainly did not and will not count.
        case lost
        /// It may count, now or later.
        case unknown(ObjectStoreError?)
        /// It certainly does not count.
        case refused(LogError)

        // Of a question:
        case current
        case behind

        // Of a catch-up:
        /// These are the next ones; there may be more, unless the end of the log was seen behind them.
        case caughtUp(sawEnd: Bool)
        case restore

        /// Of a question or a catch-up.
        case failed(LogError)
    }

    /// Nothing behind `tip` had come free at `storeTime`, nor when the clocks of this machine showed `local`.
    package struct Confirmation: Sendable, Equatable {
        package let storeTime: StoreTime?
        package let local: LocalTime

        package init(storeTime: StoreTime?, local: LocalTime) {
            (self.storeTime, self.local) = (storeTime, local)
        }

        /// Whether something that the store did or saw at `time` was within `window` of this; never if a time is unknown.
        func isNear(_ time: StoreTime?, within window: Duration) -> Bool {
            guard let time, let storeTime else { return false }
            let distance = time.since(storeTime)
            return max(distance, .zero - distance) <= window
        }
    }

    struct Append: Sendable {
        let tip: LogTip
        let deadline: Duration
        /// A create was sent whose outcome is not known.
        var mayExist = false
        var pauseCount = 0
        var failure: ObjectStoreError?

        var txid: TXID { tip.position.txid }
    }

    struct Fetch: Sendable {
        var cursor: LogTip?
        var count = 0
        var byteCount = 0
    }

    enum Step: Sendable {
        case idle
        case confirming(Operation, Append?)
        case checking(Append)
        case locating(Append, lastIsMissing: Bool, baseIsMissing: Bool)
        case creating(Append)
        case readingBack(Append)
        /// It is created; whether as a transaction of this log is to be seen.
        case judging(Append, createdAt: StoreTime?)
        /// Another file has the name; whether it is the first of that name is to be seen.
        case judgingLoss(Append)
        case pausing(Append, then: Retried)
        case looking
        case lookingFurther
        case fetching(Fetch)
        case judgingEntry(Fetch, LogEntry, byteCount: Int)
        case judgingEnd(Fetch)
    }

    /// What is tried again after a pause.
    enum Retried: Sendable {
        case confirming
        case creating
        case judging(createdAt: StoreTime?)
    }

    let timing: LogTiming
    /// The end of the log as far as the local database has it.
    package internal(set) var tip: LogTip?
    /// Of `tip`.
    package internal(set) var confirmation: Confirmation?
    /// Why nothing is written any more.
    package internal(set) var halt: LogError?
    /// The database may hold what the log does not.
    package internal(set) var mustRestore = false
    /// The key of the file that every restore begins with.
    package var base: String?
    var lastCheck: LocalTime?
    /// Where the log was last seen to end, and when that was asked.
    private var seenEnd: (txid: TXID?, at: LocalTime)?
    var unendedCount = 0
    var step = Step.idle
    /// When the request that is answered next was made.
    var askedAt: LocalTime

    package init(
        tip: LogTip?,
        confirmation: Confirmation? = nil,
        base: String? = nil,
        timing: LogTiming = LogTiming(),
        at now: LocalTime
    ) {
        (self.tip, self.confirmation, self.base, self.timing) = (tip, confirmation, base, timing)
        askedAt = now
    }

    var txid: TXID? { tip?.position.txid }

    /// When, by the steady clock, it was last asked what the log ends with, if that was what the database has.
    ///
    /// Not the time of the confirmation: that one also holds while newer transactions are known and not yet applied.
    package var currentAt: Duration? {
        guard let seenEnd, seenEnd.txid == txid else { return nil }
        return seenEnd.at.steady
    }

    /// The transaction that comes next.
    package var nextTXID: TXID { TXID(rawValue: (txid?.rawValue ?? 0) + 1) }

    /// The database is now what the log is up to `tip`, whatever it was.
    package mutating func rebase(on tip: LogTip?, confirmation: Confirmation?, base: String?) {
        guard case .idle = step else { preconditionFailure("in the middle of an operation") }
        (self.tip, self.confirmation, self.base) = (tip, confirmation, base)
        (mustRestore, lastCheck, seenEnd, unendedCount) = (false, nil, nil, 0)
    }

    /// The database is now what the log is up to `tip`, by what was fetched.
    package mutating func advance(to tip: LogTip) {
        guard case .idle = step else { preconditionFailure("in the middle of an operation") }
        precondition(
            self.tip.map { $0.position.txid < tip.position.txid } ?? true,
            "back from \(txid?.description ?? "")"
        )
        self.tip = tip
    }

    // MARK: Operations

    /// Starts an operation; the last one must have finished.
    package mutating func begin(_ operation: Operation, at now: LocalTime) -> Effect {
        guard case .idle = step else { preconditionFailure("an operation is under way") }
        if let outcome = refusal(of: operation) { return finish(outcome) }
        var append: Append?
        if case .append(let tip, let deadline) = operation {
            precondition(tip.position.txid == nextTXID, "\(tip.position.txid) does not follow")
            append = Append(tip: tip, deadline: deadline)
        }
        return isStale(at: now) ? confirm(operation, append, at: now) : proceed(operation, append, at: now)
    }

    private func refusal(of operation: Operation) -> Outcome? {
        switch operation {
        case .append: halt.map { .refused($0) } ?? (mustRestore ? .refused(.restoreNeeded) : nil)
        case .confirm, .peek: halt.map { .failed($0) } ?? (mustRestore ? .behind : nil)
        case .fetch: halt.map { .failed($0) } ?? (mustRestore ? .restore : nil)
        }
    }

    /// Goes on once the position is confirmed.
    private mutating func proceed(_ operation: Operation, _ append: Append?, at now: LocalTime) -> Effect {
        switch operation {
        case .append:
            guard let append else { preconditionFailure("an append without a file") }
            if let txid, lastCheck.map({ now.age(since: $0) >= timing.checkInterval }) ?? true {
                return ask(.checking(append), .check(last: txid, base: base), at: now)
            }
            return ask(.creating(append), .create(append.txid), at: now)
        case .confirm: return finish(.current)
        case .peek: return ask(.looking, .look(nextTXID), at: now)
        case .fetch: return ask(.fetching(Fetch(cursor: tip)), .fetch(nextTXID), at: now)
        }
    }

    mutating func confirm(_ operation: Operation, _ append: Append?, at now: LocalTime) -> Effect {
        ask(.confirming(operation, append), .list(after: txid), at: now)
    }

    /// Takes what came of the last effect.
    package mutating func handle(_ event: Event, at now: LocalTime) -> Effect {
        switch (step, event) {
        case (.confirming(let operation, let append), .listed(let listing)):
            if let newest = listing.newest, newest.rawValue >= nextTXID.rawValue {
                switch operation {
                case .append: return finish(.lost)
                case .confirm, .peek: return finish(.behind)
                case .fetch:
                    // Of what is covered, nobody can say whether a file in level 0 is the first of its name.
                    guard !isCovered(nextTXID, listing) else { return restore() }
                }
            } else {
                noteEnd(txid)
            }
            believe(listing.at)
            // The listing has answered the question too.
            if case .peek = operation { return finish(.current) }
            return proceed(operation, append, at: now)
        case (.confirming(_, var append?), .failed(let error)):
            append.failure = error
            return error.isPassing ? again(append, .confirming, at: now) : giveUp(append)
        case (.confirming(_, nil), .failed(let error)), (.looking, .failed(let error)),
            (.lookingFurther, .failed(let error)):
            return finish(.failed(.store(error)))
        case (.looking, .looked(true, _)): return finish(.behind)
        case (.looking, .looked(false, let time)):
            guard isFresh(time) else { return ask(.lookingFurther, .list(after: txid), at: now) }
            believe(time)
            noteEnd(txid)
            return finish(.current)
        case (.lookingFurther, .listed(let listing)):
            if let newest = listing.newest, newest.rawValue >= nextTXID.rawValue { return finish(.behind) }
            believe(listing.at)
            noteEnd(txid)
            return finish(.current)
        case (.fetching, _), (.judgingEntry, _), (.judgingEnd, _): return handleFetch(event, at: now)
        default: return handleAppend(event, at: now)
        }
    }

    // MARK: Belief

    /// Whether the last confirmation may be too old, by any clock of this machine.
    private func isStale(at now: LocalTime) -> Bool {
        guard let confirmation, confirmation.storeTime != nil else { return true }
        return now.age(since: confirmation.local) > timing.window
    }

    /// Whether something that the store did or saw at `time` was near enough to the last confirmation.
    func isFresh(_ time: StoreTime?) -> Bool {
        confirmation?.isNear(time, within: timing.window) ?? false
    }

    /// Notes a confirmation that came with the answer to the last request.
    mutating func believe(_ time: StoreTime?) {
        confirmation = Confirmation(storeTime: time, local: askedAt)
    }

    /// Notes that the log ended there when the last request was made.
    mutating func noteEnd(_ txid: TXID?) { seenEnd = (txid, askedAt) }

    func isCovered(_ txid: TXID, _ listing: LogListing) -> Bool {
        listing.covered.map { $0 >= txid } ?? false
    }

    // MARK: Effects

    mutating func ask(_ step: Step, _ effect: Effect, at now: LocalTime) -> Effect {
        (self.step, askedAt) = (step, now)
        return effect
    }

    mutating func finish(_ outcome: Outcome) -> Effect {
        step = .idle
        return .finish(outcome)
    }

    mutating func restore() -> Effect {
        mustRestore = true
        return finish(.restore)
    }

    mutating func stop(_ error: LogError) -> LogError {
        halt = error
        return error
    }
}

/// What all levels hold, as far as it was asked for.
package struct LogListing: Sendable, Equatable {
    /// The newest transaction in any level.
    package let newest: TXID?
    /// The newest transaction in a level above 0: up to here, names of level 0 may have come free.
    package let covered: TXID?
    /// The file that a restore would begin with.
    package let base: String?
    /// When the listing was begun.
    package let at: StoreTime?

    package init(newest: TXID?, covered: TXID?, base: String?, at: StoreTime?) {
        (self.newest, self.covered, self.base, self.at) = (newest, covered, base, at)
    }
}
