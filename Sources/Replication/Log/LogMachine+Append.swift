internal import LTX
internal import ObjectStore

/// How a file is added to the log.
extension LogMachine {
    mutating func handleAppend(_ event: Event, at now: LocalTime) -> Effect {
        switch (step, event) {
        case (.checking(let append), .checked(false, false)):
            lastCheck = askedAt
            return create(append, at: now)
        case (.checking(let append), .checked(let lastIsMissing, let baseIsMissing)):
            let step = Step.locating(append, lastIsMissing: lastIsMissing, baseIsMissing: baseIsMissing)
            return ask(step, .list(after: nil), at: now)
        case (.checking(let append), .failed(let error)), (.locating(let append, _, _), .failed(let error)):
            // Asked again with the next file. What cannot be asked for another reason than the weather is an error.
            guard error.isPassing else { return finish(.refused(.store(error))) }
            return create(append, at: now)
        case (.locating(let append, let lastIsMissing, let baseIsMissing), .listed(let listing)):
            return locate(append, lastIsMissing, baseIsMissing, listing, at: now)
        case (.creating(let append), .created(let time)): return judge(append, createdAt: time, at: now)
        case (.creating(let append), .notCreated(let error)): return handleFailure(append, error, at: now)
        case (.readingBack(let append), .readBack(let found)): return handle(append, found, at: now)
        case (.readingBack(let append), .failed(let error)): return finish(.unknown(append.failure ?? error))
        case (.judging(let append, _), .listed(let listing)):
            guard !isCovered(append.txid, listing) else {
                // It may be a second file under a name that came free: the log goes on elsewhere.
                mustRestore = true
                return finish(.unknown(nil))
            }
            believe(listing.at)
            return commit(append)
        case (.judgingLoss(let append), .listed(let listing)):
            guard !isCovered(append.txid, listing) else {
                // Ours may have had the name before, and count.
                mustRestore = true
                return finish(.unknown(append.failure))
            }
            return finish(.lost)
        case (.judgingLoss(let append), .failed(let error)): return finish(.unknown(append.failure ?? error))
        case (.judging(var append, let time), .failed(let error)):
            append.failure = error
            return error.isPassing ? again(append, .judging(createdAt: time), at: now) : giveUp(append)
        case (.pausing(let append, let retried), .paused):
            guard now.steady < append.deadline else { return giveUp(append) }
            switch retried {
            case .confirming:
                return confirm(.append(append.tip, deadline: append.deadline), append, at: now)
            case .creating: return create(append, at: now)
            case .judging(let time):
                return ask(.judging(append, createdAt: time), .list(after: txid), at: now)
            }
        default: preconditionFailure("an answer to what was not asked")
        }
    }

    private mutating func create(_ append: Append, at now: LocalTime) -> Effect {
        ask(.creating(append), .create(append.txid), at: now)
    }

    private mutating func handleFailure(_ append: Append, _ error: ObjectStoreError, at now: LocalTime) -> Effect {
        var append = append
        append.failure = error
        switch error.kind {
        case .unreachable, .throttled:
            // Nothing was done. But an earlier attempt may have done it.
            if !append.mayExist { return again(append, .creating, at: now) }
        case .cancelled, .accessDenied, .credentials, .bucketMissing, .misconfigured, .rejected, .tooLarge, .invalidKey:
            if !append.mayExist { return finish(.refused(.store(error))) }
        case .exists, .ambiguous, .unavailable, .damaged, .notFound, .changed, .outOfRange, .source:
            append.mayExist = true
        }
        guard now.steady < append.deadline else { return giveUp(append) }
        return ask(.readingBack(append), .readBack(append.txid, isTaken: error.kind == .exists), at: now)
    }

    private mutating func handle(_ append: Append, _ found: ReadBack, at now: LocalTime) -> Effect {
        switch found {
        case .mine(let time):
            // When exactly it was created is not known: the old confirmation holds for the new position too.
            guard isFresh(time) else {
                return ask(.judging(append, createdAt: time), .list(after: txid), at: now)
            }
            return commit(append)
        case .other(nodeID: 0, _):
            return finish(.refused(stop(.foreignWriter(append.txid))))
        case .other(_, let time):
            guard isFresh(time) else { return ask(.judgingLoss(append), .list(after: txid), at: now) }
            return finish(.lost)
        case .absent: return again(append, .creating, at: now)
        }
    }

    /// Finds out whether what was just created is the transaction of this log.
    private mutating func judge(_ append: Append, createdAt time: StoreTime?, at now: LocalTime) -> Effect {
        guard isFresh(time) else {
            var append = append
            append.mayExist = true
            return ask(.judging(append, createdAt: time), .list(after: txid), at: now)
        }
        believe(time)
        noteEnd(append.txid)
        return commit(append)
    }

    private mutating func commit(_ append: Append) -> Effect {
        tip = append.tip
        return finish(.committed)
    }

    /// Something that must be there is not: others may have gone on, or somebody has removed it.
    ///
    /// The next batch looks again, because a listing may be old.
    private mutating func locate(
        _ append: Append,
        _ lastIsMissing: Bool,
        _ baseIsMissing: Bool,
        _ listing: LogListing,
        at now: LocalTime
    ) -> Effect {
        guard let txid, let newest = listing.newest, newest >= txid else {
            return finish(.refused(.vanished(key: base ?? "level 0")))
        }
        guard newest == txid else { return finish(.lost) }
        // The newest file of level 0 is never removed, and something must begin with the first transaction.
        guard !lastIsMissing, let found = listing.base else {
            return finish(.refused(.vanished(key: lastIsMissing ? "transaction \(txid)" : base ?? "")))
        }
        base = found
        lastCheck = askedAt
        return create(append, at: now)
    }

    /// Tries something again after a pause, unless it is too late.
    mutating func again(_ append: Append, _ retried: Retried, at now: LocalTime) -> Effect {
        guard now.steady < append.deadline else { return giveUp(append) }
        var append = append
        let pause = min(timing.pauseMax, timing.pauseBase * (1 << min(append.pauseCount, 16)))
        append.pauseCount += 1
        return ask(.pausing(append, then: retried), .pause(min(pause, append.deadline - now.steady)), at: now)
    }

    mutating func giveUp(_ append: Append) -> Effect {
        guard !append.mayExist, let failure = append.failure else { return finish(.unknown(append.failure)) }
        return finish(.refused(.store(failure)))
    }
}
