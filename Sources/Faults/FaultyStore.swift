package import ObjectStore
internal import Synchronization

/// A store that fails as real ones do, or lies as none may, by a plan.
///
/// What it throws is what a real store's code would throw: a 5xx to a write is `.ambiguous`, one to a question
/// `.unavailable`; and a create that was cut off before it took effect looks like one that was cut off after.
package final class FaultyStore: ObjectStore {
    package var name: String { store.name }

    private struct State {
        var generator: SplitMix64
        var reached: [FaultPoint: Int] = [:]
        var createCount = 0
    }

    private let store: any ObjectStore
    private let plan: FaultPlan
    private let clock: StoreClock
    private let signal: @Sendable (FaultPlan.Signal.Kind) -> Void
    private let start: Duration
    private let state: Mutex<State>

    /// `signal` ends or stops the own process; tests see it instead.
    package init(
        _ store: any ObjectStore,
        _ plan: FaultPlan,
        clock: StoreClock = .system,
        signal: @escaping @Sendable (FaultPlan.Signal.Kind) -> Void = signalOwnProcess
    ) {
        (self.store, self.plan, self.clock, self.signal) = (store, plan, clock, signal)
        start = clock.elapsed()
        state = Mutex(State(generator: SplitMix64(seed: plan.seed)))
    }

    /// The store as it is, unless `HOLDFAST_FAULTS` says otherwise; then `warn` must tell whoever reads the log.
    package static func wrapping(
        _ store: any ObjectStore,
        _ variables: [String: String],
        warn: (String) -> Void
    ) throws(FaultPlanError) -> any ObjectStore {
        guard let text = variables[FaultPlan.variable], !text.isEmpty else { return store }
        let plan = try FaultPlan(text)
        warn("\(FaultPlan.variable) is set: the store is made to fail on purpose (\(plan)); never in production")
        return FaultyStore(store, plan)
    }

    // MARK: Chance

    /// Whether this fault happens now, and how much later.
    private func draw(_ fault: Fault) -> Duration? {
        guard let rate = plan.rates[fault], isActive || fault.isLie else { return nil }
        return state.withLock { state in
            // Lied to from the beginning, it would never come to serve.
            guard !fault.isLie || state.createCount > plan.truthfulCount else { return nil }
            return state.generator.chance(rate.probability) ? rate.delay : nil
        }
    }

    private var isActive: Bool { plan.window?.isOn(at: clock.elapsed() - start) ?? true }

    private func slowDown() async {
        guard let latency = plan.latency, isActive else { return }
        let delay = state.withLock { state in
            state.generator.chance(latency.probability) ? state.generator.duration(in: latency.range) : nil
        }
        // Cancelled while it waits, the call itself will notice.
        if let delay { try? await clock.sleep(delay) }
    }

    /// Ends or stops the process if the plan says so for this time.
    private func reach(_ point: FaultPoint) {
        let count = state.withLock { state in
            state.reached[point, default: 0] += 1
            return state.reached[point]
        }
        for planned in plan.signals where planned.point == point && planned.count == count { signal(planned.kind) }
    }

    private func later(_ delay: Duration, _ body: @escaping @Sendable () async -> Void) {
        let clock = clock
        Task.detached {
            try? await clock.sleep(delay)
            await body()
        }
    }

    // MARK: Writes

    package func createIfAbsent(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        guard let place = LogKey(key) else { return try await store.createIfAbsent(key, bytes, timestamp: timestamp) }
        if place.level == 0 {
            state.withLock { $0.createCount += 1 }
            reach(.beforeCreate)
        }
        await slowDown()
        try await failBefore(.create, key)
        if let delay = draw(.landsLate) {
            later(delay) { [store] in _ = try? await store.createIfAbsent(key, bytes, timestamp: timestamp) }
            throw error(.ambiguous, .create, key, "the connection was reset")
        }
        if let delay = draw(.earlyAnswer) {
            later(delay) { [store] in _ = try? await store.createIfAbsent(key, bytes, timestamp: timestamp) }
            return Receipt(etag: "early", storeTime: clock.now())
        }
        if place.level == 0, draw(.disowned) != nil, let copy = ForeignCopy.of(bytes) {
            _ = try await store.createIfAbsent(key, copy, timestamp: timestamp)
            throw error(.ambiguous, .create, key, "the connection was reset")
        }
        let receipt: Receipt
        if draw(.overwrites) != nil {
            receipt = try await store.put(key, bytes, timestamp: timestamp)
        } else {
            receipt = try await store.createIfAbsent(key, bytes, timestamp: timestamp)
        }
        reach(place.level == 0 ? .afterCreate : .inCompaction)
        if let delay = draw(.duplicated) {
            later(delay) { [store] in _ = try? await store.createIfAbsent(key, bytes, timestamp: timestamp) }
        }
        try await forget(place)
        try failAfterCreating(key)
        return receipt
    }

    private func failAfterCreating(_ key: String) throws(ObjectStoreError) {
        if draw(.falseRefusal) != nil { throw error(.rejected, .create, key, "HTTP 400") }
        if draw(.resetAfter) != nil { throw error(.ambiguous, .create, key, "the connection was reset") }
    }

    private func forget(_ place: LogKey) async throws(ObjectStoreError) {
        guard place.level > 0, draw(.forgets) != nil else { return }
        for key in place.coveredKeys { _ = try await store.delete(key) }
    }

    package func put(
        _ key: String,
        from source: any ByteSource,
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        guard let place = LogKey(key) else { return try await store.put(key, from: source, timestamp: timestamp) }
        await slowDown()
        try await failBefore(.put, key)
        let watched = WatchedSource(source) { [self] in reach(.inCompaction) }
        let receipt = try await store.put(key, from: watched, timestamp: timestamp)
        try await forget(place)
        return receipt
    }

    package func delete(_ key: String) async throws(ObjectStoreError) -> Receipt {
        guard LogKey(key) != nil else { return try await store.delete(key) }
        await slowDown()
        try await failBefore(.delete, key)
        return try await store.delete(key)
    }

    // MARK: Questions

    package func get(
        _ key: String,
        range: ObjectRange?,
        ifMatch: String?
    ) async throws(ObjectStoreError) -> StoredObject {
        guard let place = LogKey(key) else { return try await store.get(key, range: range, ifMatch: ifMatch) }
        await slowDown()
        try await failBefore(.get, key)
        let object = try await store.get(key, range: range, ifMatch: ifMatch)
        if state.withLock({ $0.createCount }) == 0 {
            reach(.inRestore)
        } else if place.level == 0 {
            reach(.inCatchUp)
        }
        return object
    }

    package func head(_ key: String) async throws(ObjectStoreError) -> ObjectInfo {
        guard LogKey(key) != nil else { return try await store.head(key) }
        await slowDown()
        try await failBefore(.head, key)
        return try await store.head(key)
    }

    package func list(_ request: ListRequest) async throws(ObjectStoreError) -> ObjectPage {
        await slowDown()
        try await failBefore(.list, request.prefix)
        let page = try await store.list(request)
        guard let age = draw(.staleList), let now = page.objects.compactMap(\.receivedAt).max() else { return page }
        let objects = page.objects.filter { object in object.receivedAt.map { now.since($0) >= age } ?? true }
        return ObjectPage(objects: objects, next: page.next, storeTime: page.storeTime)
    }

    // MARK: Failures

    /// As the stores' own code does it: what fails and may be repeated is repeated, and only what lasts is thrown.
    private func failBefore(_ operation: ObjectStoreError.Operation, _ key: String) async throws(ObjectStoreError) {
        let start = clock.elapsed()
        var attempt = 1
        while let failure = drawFailure(operation, key) {
            let chance = state.withLock { Double.random(in: 0..<1, using: &$0.generator) }
            let delay = Self.retry.delay(
                afterAttempt: attempt,
                retryAfter: nil,
                elapsed: clock.elapsed() - start,
                chance: chance
            )
            // A create of unknown outcome is never sent twice.
            guard operation != .create || failure.kind == .throttled, let delay else { throw failure }
            do { try await clock.sleep(delay) } catch { throw failure }
            attempt += 1
        }
    }

    private static let retry = RetryPolicy(delayBase: .milliseconds(30))

    private func drawFailure(_ operation: ObjectStoreError.Operation, _ key: String) -> ObjectStoreError? {
        let asks = operation == .get || operation == .head || operation == .list
        if draw(.throttled) != nil { return error(.throttled, operation, key, "HTTP 429") }
        if draw(.unavailable) != nil { return error(asks ? .unavailable : .ambiguous, operation, key, "HTTP 503") }
        if draw(.resetBefore) != nil || asks && draw(.resetAfter) != nil {
            return error(asks ? .unreachable : .ambiguous, operation, key, "the connection was reset")
        }
        guard operation == .get, draw(.truncated) != nil else { return nil }
        return error(.damaged, operation, key, "the answer was cut short")
    }

    private func error(
        _ kind: ObjectStoreError.Kind,
        _ operation: ObjectStoreError.Operation,
        _ key: String,
        _ detail: String
    ) -> ObjectStoreError {
        // Only an answer has the store's time.
        let time = detail.hasPrefix("HTTP") ? clock.now() : nil
        return ObjectStoreError(kind, operation, key: key, store: name, "\(detail) (on purpose)", storeTime: time)
    }
}

/// A source that tells when half of it, or more, is on its way.
private final class WatchedSource: ByteSource {
    private let source: any ByteSource
    private let isUnderWay: @Sendable () -> Void

    init(_ source: any ByteSource, _ isUnderWay: @escaping @Sendable () -> Void) {
        (self.source, self.isUnderWay) = (source, isUnderWay)
    }

    func read(_ count: Int) async throws -> [UInt8] {
        let bytes = try await source.read(count)
        // The first piece is in hand and not yet sent.
        if !bytes.isEmpty { isUnderWay() }
        return bytes
    }
}
