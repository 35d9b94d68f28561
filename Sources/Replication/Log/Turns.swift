internal import ObjectStore
internal import Synchronization

/// Asks for turns and gives them, as ``TurnTaking`` decides, beside the log's own requests and never in their way.
///
/// Whatever goes wrong here is passed over: then a turn comes later, and nothing else.
final class Turns: Sendable {
    /// One for all writers of a prefix, replaced by whoever asks.
    static let key = "turn"

    private struct State {
        var rules: TurnTaking
        /// The pause that is under way.
        var pause: Task<Void, Never>?
        /// The one request that is under way.
        var errand: Task<Void, Never>?
        var isOver = false
    }

    private enum Errand { case look, ask }

    /// How long such a request may take.
    private static let errandPatience = Duration.seconds(5)

    private let store: any ObjectStore
    private let clock: StoreClock
    private let writerID: UInt64
    private let heard: @Sendable (LogEvent) -> Void
    private let state: Mutex<State>

    init(
        _ store: any ObjectStore,
        clock: StoreClock,
        writerID: UInt64,
        heard: @escaping @Sendable (LogEvent) -> Void
    ) {
        (self.store, self.clock, self.writerID, self.heard) = (store, clock, writerID, heard)
        state = Mutex(State(rules: TurnTaking(writerID: writerID)))
    }

    /// Lets another writer go first if one has asked for that; to be called before a file is added.
    func giveWay(atMost limit: Duration) async {
        let pause = state.withLock { state -> Task<Void, Never>? in
            guard !state.isOver, let duration = state.rules.takePause() else { return nil }
            let pause = Task<Void, Never> { [clock] in
                // Cancelled, it is over; and that is all there is to it.
                try? await clock.sleep(min(duration, limit))
            }
            state.pause = pause
            return pause
        }
        guard let pause else { return }
        heard(.gaveTurn)
        await pause.value
        state.withLock { $0.pause = nil }
    }

    /// A file is about to be added.
    func begin() {
        state.withLock { if $0.rules.begin(at: clock.elapsed()) { start(.look, &$0) } }
    }

    /// It was added, or not.
    func end(_ outcome: FencedLog.AppendOutcome) {
        let result: TurnTaking.Result =
            switch outcome {
            case .committed: .committed
            case .lost: .lost
            case .unknown, .refused: .neither
            }
        let asks = state.withLock { state in
            guard state.rules.end(result, at: clock.elapsed()) else { return false }
            return start(.ask, &state)
        }
        if asks { heard(.askedForTurn) }
    }

    /// From now on there are no pauses and no requests, and those under way end.
    func stop() {
        state.withLock { state in
            state.isOver = true
            state.pause?.cancel()
            state.errand?.cancel()
        }
    }

    // MARK: Requests

    @discardableResult
    private func start(_ errand: Errand, _ state: inout State) -> Bool {
        guard !state.isOver, state.errand == nil else { return false }
        state.errand = Task.detached { [self] in
            await withTaskGroup { group in
                group.addTask { await self.run(errand) }
                group.addTask { [clock] in try? await clock.sleep(Self.errandPatience) }
                await group.next()
                group.cancelAll()
            }
            self.state.withLock { $0.errand = nil }
        }
        return true
    }

    private func run(_ errand: Errand) async {
        switch errand {
        case .look: await look()
        case .ask:
            let request = TurnRequest(writerID: writerID, number: .random(in: 0 ... .max))
            _ = try? await store.put(Self.key, request.bytes)
        }
    }

    private func look() async {
        let range = ObjectRange(offset: 0, count: TurnRequest.bytesMax)
        // That there is none is the rule.
        guard let object = try? await store.get(Self.key, range: range, ifMatch: nil),
            let request = TurnRequest(object.bytes),
            let now = object.info.storeTime, let time = object.info.receivedAt
        else { return }
        _ = state.withLock { $0.rules.found(request, age: now.since(time)) }
    }
}
