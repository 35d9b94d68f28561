import Files
import LTX
import ObjectStore
import Replication
import StoreTestSupport
import Synchronization
import Testing

/// A folder as a bucket, whose clock and whose mishaps a test chooses.
final class LogBench: Sendable {
    let root: String
    let faults: FaultPlan
    let store: PlannedStore
    private let storeOffset: ClockOffset
    private let localOffset = ClockOffset()

    static let pageSize: UInt32 = 512

    init(_ root: String) {
        let offset = ClockOffset()
        let system = StoreClock.system
        let clock = StoreClock(
            now: { system.now() + offset.value },
            elapsed: system.elapsed,
            sleep: system.sleep,
            random: system.random
        )
        (self.root, storeOffset, faults) = (root, offset, FaultPlan())
        store = PlannedStore(inner: FileStore(root: root, clock: clock), faults: faults)
    }

    /// Lets time pass for the store, and for no clock of this machine.
    func advanceStore(by duration: Duration) { storeOffset.add(duration) }

    /// Lets time pass for this machine alone.
    func advanceLocal(by duration: Duration) { localOffset.add(duration) }

    func log(
        from start: LogStart = LogStart(),
        writer: UInt64 = .random(in: 1 ... .max),
        checkInterval: Duration = .seconds(60),
        questionPatience: Duration = .seconds(30),
        didHappen: @escaping @Sendable (LogEvent) -> Void = { _ in }
    ) -> FencedLog {
        let timing = LogTiming(
            checkInterval: checkInterval,
            pauseBase: .milliseconds(1),
            questionPatience: questionPatience,
            catchUpCountMax: 3
        )
        let (system, offset) = (StoreClock.system, localOffset)
        let clock = StoreClock(
            now: system.now,
            elapsed: { system.elapsed() + offset.value },
            sleep: system.sleep,
            random: system.random
        )
        return FencedLog(
            store,
            layout: .folder,
            from: start,
            writerID: writer,
            timing: timing,
            clock: clock,
            didHappen: didHappen
        )
    }

    static func key(_ number: UInt64, level: Int = 0, from first: UInt64? = nil) -> String {
        ReplicaLayout.folder.key(
            level: level,
            min: TXID(rawValue: first ?? number),
            max: TXID(rawValue: number)
        )
    }

    /// A database of one page with this content, as the next file of the log.
    static func file(_ content: UInt8, _ header: Header) throws -> (bytes: [UInt8], position: Position) {
        var bytes: [UInt8] = []
        var encoder = try Encoder(header, into: &bytes)
        try encoder.append(page: 1, [UInt8](repeating: content, count: Int(header.pageSize)).span, into: &bytes)
        let position = try encoder.finish(into: &bytes)
        return (bytes, position)
    }
}

extension FencedLog {
    /// Adds a database of one page.
    func append(_ content: UInt8, within patience: Duration = .seconds(20)) async throws -> AppendOutcome {
        let file = try LogBench.file(content, nextHeader(pageSize: LogBench.pageSize, commit: 1))
        return await append(file.bytes, file.position, within: patience)
    }

    /// Applies everything that is newer.
    func catchUp() async throws -> [LogFile] {
        var all: [LogFile] = []
        while case .files(let files, _) = try await fetchNewer() {
            all += files
            await advance(to: try #require(files.last).position)
        }
        return all
    }
}

final class ClockOffset: Sendable {
    private let duration = Mutex(Duration.zero)
    var value: Duration { duration.withLock { $0 } }
    func add(_ more: Duration) { duration.withLock { $0 += more } }
}

/// What goes wrong with the next calls.
final class FaultPlan: Sendable {
    enum Fault: Sendable {
        /// Nothing reaches the store, and the caller cannot know that.
        case loseRequest
        /// The store does it, and the caller cannot know that.
        case loseAnswer
        /// The store says that it did nothing, which is true.
        case refuse(ObjectStoreError.Kind)
        /// Something happens first.
        case first(@Sendable () async -> Void)
        /// Never an answer, until the caller gives up.
        case hang
        /// The store does not say when.
        case withoutTime
    }

    private struct State {
        var faults: [String: [Fault]] = [:]
        var calls: [String] = []
    }

    private let state = Mutex(State())

    /// Plans what happens to the next calls of this kind.
    func plan(_ operation: ObjectStoreError.Operation, _ faults: Fault...) {
        state.withLock { $0.faults[operation.rawValue, default: []] += faults }
    }

    func take(_ operation: ObjectStoreError.Operation, _ key: String) -> Fault? {
        state.withLock { state in
            state.calls.append("\(operation.rawValue) \(key)")
            guard state.faults[operation.rawValue]?.isEmpty == false else { return nil }
            return state.faults[operation.rawValue]?.removeFirst()
        }
    }

    /// The calls since the last time.
    func takeCalls() -> [String] {
        state.withLock { state in
            defer { state.calls = [] }
            return state.calls
        }
    }
}

/// A store whose calls go as planned.
struct PlannedStore: InterceptedStore {
    let inner: any ObjectStore
    let faults: FaultPlan

    func createIfAbsent(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        switch faults.take(.create, key) {
        case .loseRequest: throw error(.ambiguous, .create, key)
        case .loseAnswer:
            _ = try await inner.createIfAbsent(key, bytes, timestamp: timestamp)
            throw error(.ambiguous, .create, key)
        case .refuse(let kind): throw error(kind, .create, key)
        case .first(let body): await body()
        case .hang:
            try? await Task.sleep(for: .seconds(600))
            throw error(.ambiguous, .create, key)
        case .withoutTime:
            return Receipt(etag: try await inner.createIfAbsent(key, bytes, timestamp: timestamp).etag, storeTime: nil)
        case nil: break
        }
        return try await inner.createIfAbsent(key, bytes, timestamp: timestamp)
    }

    func get(_ key: String, range: ObjectRange?, ifMatch: String?) async throws(ObjectStoreError) -> StoredObject {
        switch faults.take(.get, key) {
        case .refuse(let kind): throw error(kind, .get, key)
        case .first(let body): await body()
        case .hang: try await hang(.get, key)
        case .loseRequest, .loseAnswer, .withoutTime, nil: break
        }
        return try await inner.get(key, range: range, ifMatch: ifMatch)
    }

    func list(_ request: ListRequest) async throws(ObjectStoreError) -> ObjectPage {
        switch faults.take(.list, request.prefix) {
        case .refuse(let kind): throw error(kind, .list, request.prefix)
        case .first(let body): await body()
        case .hang: try await hang(.list, request.prefix)
        case .loseRequest, .loseAnswer, .withoutTime, nil: break
        }
        return try await inner.list(request)
    }

    private func hang(_ operation: ObjectStoreError.Operation, _ key: String) async throws(ObjectStoreError) {
        try? await Task.sleep(for: .seconds(600))
        throw error(.cancelled, operation, key)
    }

    func put(
        _ key: String,
        from source: any ByteSource,
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        if case .refuse(let kind) = faults.take(.put, key) { throw error(kind, .put, key) }
        return try await inner.put(key, from: source, timestamp: timestamp)
    }

    private func error(
        _ kind: ObjectStoreError.Kind,
        _ operation: ObjectStoreError.Operation,
        _ key: String
    ) -> ObjectStoreError {
        ObjectStoreError(kind, operation, key: key, store: name, "as planned")
    }
}
