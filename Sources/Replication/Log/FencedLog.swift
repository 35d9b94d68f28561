package import LTX
package import ObjectStore
internal import Synchronization

/// The log in the bucket, which several writers may add to, each transaction by one of them.
///
/// Does what ``LogMachine`` decides. Operations that come at the same time wait for each other.
package final class FencedLog: Sendable {
    /// What became of a file that was to be added.
    package enum AppendOutcome: Sendable, Equatable {
        /// It is in the bucket, and part of the log for ever.
        case committed(TXID)
        /// Another batch has this transaction, or what is known of the log is too old: catch up with ``fetchNewer()``,
        /// and run the batch again on the new state.
        case lost
        /// It may be in the log, now or later: nobody may be told that it failed.
        case unknown(ObjectStoreError?)
        /// It is not in the log and never will be.
        ///
        /// After `.foreignWriter`, `.brokenChain`, `.timeGoesBack` and `.damaged` nothing is written any more; after
        /// `.vanished` nothing while that is so.
        case refused(LogError)
    }

    package enum Standing: Sendable, Equatable {
        /// Nothing newer was there a moment ago, or within ``LogTiming/window`` if only ``confirm()`` was asked.
        case current
        case behind
    }

    package enum Newer: Sendable, Equatable {
        case none
        /// The next transactions, in order: apply them, then ``advance(to:)``.
        ///
        /// There may be more, and whoever wants those asks again, unless the end of the log was seen behind these.
        case files([LogFile], sawEnd: Bool)
        /// The database must be restored; then ``rebase(on:)``.
        case restore
    }

    /// Names what this process writes; never 0, which is Litestream.
    package let writerID: UInt64

    private let store: any ObjectStore
    private let layout: ReplicaLayout
    private let clock: StoreClock
    private let machine: Mutex<LogMachine>
    /// What was fetched last and not yet applied.
    private let fetched = Mutex<[LogTip]>([])
    /// What a race that was lost has shown of the files that come next, for the catch-up right after it.
    private let seenAhead = Mutex<LogHarvest?>(nil)
    private let questionPatience: Duration
    /// One operation at a time.
    private let operations = Permits(1)
    /// Nil where nobody is to go first.
    private let turns: Turns?
    private let didHappen: @Sendable (LogEvent) -> Void

    /// Adds to the log in `store` from `start` on.
    ///
    /// With `takesTurns`, other writers are let go first at times, and asked for that: not for one to which a lost race is
    /// the end. `didHappen` is told of that and of retries, and must not block.
    package init(
        _ store: any ObjectStore,
        layout: ReplicaLayout,
        from start: LogStart = LogStart(),
        writerID: UInt64 = .random(in: 1 ... .max),
        timing: LogTiming = LogTiming(),
        clock: StoreClock = .system,
        takesTurns: Bool = true,
        didHappen: @escaping @Sendable (LogEvent) -> Void = { _ in }
    ) {
        precondition(writerID != 0, "0 is Litestream")
        (self.store, self.layout, self.writerID, self.clock) = (store, layout, writerID, clock)
        (questionPatience, self.didHappen) = (timing.questionPatience, didHappen)
        turns = takesTurns ? Turns(store, clock: clock, writerID: writerID, heard: didHappen) : nil
        machine = Mutex(
            LogMachine(
                tip: start.tip,
                confirmation: start.confirmation,
                base: start.base,
                timing: timing,
                at: LocalTime(clock)
            )
        )
    }

    /// Where the database stands in the log; nil when nothing was ever written.
    package var position: Position? { tip?.position }

    package var tip: LogTip? { machine.withLock { $0.tip } }

    /// Where a log could be taken up that knows what this one knows.
    var start: LogStart {
        machine.withLock { LogStart(tip: $0.tip, confirmation: $0.confirmation, base: $0.base) }
    }

    /// When, by the steady clock, the last question was asked whose answer said that nothing newer than the database was
    /// there.
    package var currentAt: Duration? { machine.withLock { $0.currentAt } }

    /// Why nothing is written any more, if so.
    package var halt: LogError? { machine.withLock { $0.halt } }

    /// The header of the file that comes next.
    package func nextHeader(pageSize: UInt32, commit: UInt32) -> Header {
        let (txid, tip) = machine.withLock { ($0.nextTXID, $0.tip) }
        var header = Header(
            pageSize: pageSize,
            commit: commit,
            minTXID: txid,
            maxTXID: txid,
            timestampMilliseconds: max(clock.now().unixMilliseconds, tip?.timestampMilliseconds ?? .min),
            nodeID: writerID
        )
        header.linkedChecksum = tip?.position.fileChecksum
        return header
    }

    /// A file that every restore can begin with now is there: the check that it stays there goes on with this one.
    package func noteBase(_ key: String) { machine.withLock { $0.base = key } }

    /// The database is now what the log is up to there.
    package func rebase(on start: LogStart) async {
        await operations.run { [self] in
            machine.withLock { $0.rebase(on: start.tip, confirmation: start.confirmation, base: start.base) }
        }
    }

    /// The files that ``fetchNewer()`` gave, as far as this position, are in the database.
    ///
    /// Waits for a question that is under way: others may ask while the one who writes applies what he fetched.
    package func advance(to position: Position) async {
        let tips = fetched.withLock { tips in
            defer { tips = [] }
            return tips
        }
        guard let tip = tips.first(where: { $0.position == position }) else {
            preconditionFailure("\(position.txid) was not fetched")
        }
        await operations.run { [self] in machine.withLock { $0.advance(to: tip) } }
    }

    // MARK: Operations

    /// Makes sure that a batch may begin: asks the store only when the last confirmation is too old.
    package func confirm() async throws(LogError) -> Standing { try await standing(.confirm) }

    /// Asks the store whether there is something newer.
    package func peek() async throws(LogError) -> Standing { try await standing(.peek) }

    private func standing(_ operation: LogMachine.Operation) async throws(LogError) -> Standing {
        switch await run(operation).outcome {
        case .current: return .current
        case .behind: return .behind
        case .failed(let error): throw error
        default: preconditionFailure("no outcome of a question")
        }
    }

    /// Adds a file, which ends at `position`, to the log; tries for as long as `patience` lasts.
    ///
    /// The file has the header that ``nextHeader(pageSize:commit:)`` gave.
    package func append(_ bytes: [UInt8], _ position: Position, within patience: Duration) async -> AppendOutcome {
        guard let header = try? Header(bytes.span), header.nodeID == writerID, header.maxTXID == position.txid else {
            preconditionFailure("not a file of this log")
        }
        // Half a file would end the log for all who come.
        let end = bytes.suffix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        precondition(end == position.fileChecksum.rawValue, "a file that does not end where it says")
        let deadline = clock.elapsed() + patience
        let tip = LogTip(position: position, timestampMilliseconds: header.timestampMilliseconds)
        await turns?.giveWay(atMost: patience / 4)
        turns?.begin()
        let outcome = await add(LogBatch(bytes: bytes, header: header), tip, deadline)
        turns?.end(outcome)
        return outcome
    }

    private func add(_ batch: LogBatch, _ tip: LogTip, _ deadline: Duration) async -> AppendOutcome {
        let txid = tip.position.txid
        switch await run(.append(tip, deadline: deadline), batch).outcome {
        case .committed:
            if txid.rawValue == 1 { noteBase(key(txid)) }
            return .committed(txid)
        case .lost, .refused(.restoreNeeded): return .lost
        case .unknown(let error): return .unknown(error)
        case .refused(let error): return .refused(error)
        default: preconditionFailure("no outcome of an append")
        }
    }

    /// Ends the pause that is under way to let another writer go first; there are no more of them.
    package func stopTakingTurns() { turns?.stop() }

    /// Fetches the transactions that come next, as many as fit into memory.
    package func fetchNewer() async throws(LogError) -> Newer {
        let (outcome, files) = await run(.fetch)
        switch outcome {
        case .caughtUp(let sawEnd):
            fetched.withLock { $0 = files.map(\.entry.tip) }
            return files.isEmpty ? .none : .files(files, sawEnd: sawEnd)
        case .restore: return .restore
        case .failed(let error): throw error
        default: preconditionFailure("no outcome of a catch-up")
        }
    }

    // MARK: Requests

    private func run(
        _ operation: LogMachine.Operation,
        _ batch: LogBatch? = nil
    ) async -> (outcome: LogMachine.Outcome, files: [LogFile]) {
        await operations.run { [self] in
            var patience = LogPatience.each(questionPatience)
            if case .append(_, let end) = operation { patience = .until(end) }
            let requests = LogRequests(store: store, layout: layout, clock: clock, patience: patience, batch: batch)
            var harvest = LogHarvest()
            if case .fetch = operation { harvest = seenAhead.withLock { $0.take() } ?? harvest }
            var effect = machine.withLock { $0.begin(operation, at: LocalTime(clock)) }
            var isTriedBefore = false
            while true {
                if case .finish(let outcome) = effect {
                    seenAhead.withLock { $0 = outcome == .lost ? harvest : nil }
                    return (outcome, harvest.files)
                }
                if case .create = effect {
                    if isTriedBefore { didHappen(.triedAgain) }
                    isTriedBefore = true
                }
                let event = await requests.perform(effect, &harvest)
                effect = machine.withLock { $0.handle(event, at: LocalTime(clock)) }
            }
        }
    }

    private func key(_ txid: TXID) -> String { layout.key(level: 0, min: txid, max: txid) }
}

/// Where a log is taken up.
package struct LogStart: Sendable, Equatable {
    /// Nil for an empty log.
    package let tip: LogTip?
    package let confirmation: LogMachine.Confirmation?
    /// The key of the file that a restore begins with.
    package let base: String?

    package init(tip: LogTip? = nil, confirmation: LogMachine.Confirmation? = nil, base: String? = nil) {
        (self.tip, self.confirmation, self.base) = (tip, confirmation, base)
    }
}

extension LocalTime {
    init(_ clock: StoreClock) {
        self.init(steady: clock.elapsed(), wall: .milliseconds(clock.now().unixMilliseconds))
    }
}
