internal import ObjectStore
internal import Synchronization

/// Bounds how many requests are under way.
final class Permits: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) {
        precondition(count > 0, "nothing would ever run")
        state = Mutex(State(free: count))
    }

    func run<Value: Sendable>(_ body: @Sendable () async -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free == 0 else {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        let value = await body()
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.waiting.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
        return value
    }
}

/// How much of the objects is fetched ahead of their reader.
struct FetchAhead {
    /// What is kept of all objects together.
    private static let bytesMax = 32 << 20
    private static let pieceBytesMax = 4 << 20
    private static let pieceBytesMin = 64 << 10

    /// The size of a ranged GET.
    let pieceBytes: Int
    /// How many of them are fetched or wait to be read, for each object.
    let pieceCount: Int

    /// For objects of these sizes that are read side by side.
    ///
    /// What many small ones leave free is for the few large ones: a snapshot is not to wait for one small piece after
    /// the other because hundreds of transactions came behind it.
    init(sizes: [Int], parallelism: Int) {
        func kept(_ bytes: Int, each count: Int) -> Int { sizes.reduce(0) { $0 + min($1, bytes * count) } }
        var (bytes, count) = (Self.pieceBytesMax, 1)
        while bytes > Self.pieceBytesMin, kept(bytes, each: 2) > Self.bytesMax { bytes /= 2 }
        while count < parallelism, kept(bytes, each: count + 1) <= Self.bytesMax { count += 1 }
        (pieceBytes, pieceCount) = (bytes, count)
    }
}

/// The bytes of one object in order, fetched in ranges ahead of whoever reads them.
///
/// All are of the one state of the object that the first piece came from. Used by one task.
final class ObjectReader {
    private typealias Fetch = Task<Result<StoredObject, ObjectStoreError>, Never>
    private typealias Pin = Task<Result<String?, ObjectStoreError>, Never>

    let object: ReplicaObject
    private let store: any ObjectStore
    private let ahead: FetchAhead
    private let permits: Permits
    /// Which state of the object the first piece is of; not that piece itself, which would stay in memory to the end.
    private var pin: Pin?
    private var fetches: [Fetch] = []
    private var offset = 0

    init(_ object: ReplicaObject, in store: any ObjectStore, _ ahead: FetchAhead, _ permits: Permits) {
        (self.object, self.store, self.ahead, self.permits) = (object, store, ahead, permits)
    }

    /// The next bytes; none at the end.
    func next() async throws(RestoreError) -> [UInt8] {
        prefetch()
        guard !fetches.isEmpty else { return [] }
        let fetch = fetches.removeFirst()
        let result = await withTaskCancellationHandler {
            await fetch.value
        } onCancel: {
            fetch.cancel()
        }
        switch result {
        case .success(let piece):
            guard !Task.isCancelled else { throw .cancelled }
            prefetch()
            return piece.bytes
        case .failure(let error):
            cancel()
            throw Task.isCancelled ? .cancelled : Self.failure(error)
        }
    }

    /// Starts to fetch what will be asked for soon.
    func prefetch() {
        while offset < object.size, fetches.count < ahead.pieceCount {
            let range = ObjectRange(offset: offset, count: min(ahead.pieceBytes, object.size - offset))
            let fetch = Self.start(object, range, pin, store, permits)
            pin = pin ?? Task { await fetch.value.map(\.info.etag) }
            fetches.append(fetch)
            offset += range.count
        }
    }

    /// Gives up what is under way.
    func cancel() {
        for fetch in fetches { fetch.cancel() }
        fetches = []
        offset = object.size
    }

    private static func start(
        _ object: ReplicaObject,
        _ range: ObjectRange,
        _ pin: Pin?,
        _ store: any ObjectStore,
        _ permits: Permits
    ) -> Fetch {
        Task {
            // Without a permit: the first piece may still be waiting for its own.
            switch await pin?.value {
            case .failure(let error): .failure(error)
            case .success(let etag): await permits.run { await fetch(object, range, etag, store) }
            case nil: await permits.run { await fetch(object, range, nil, store) }
            }
        }
    }

    private static func fetch(
        _ object: ReplicaObject,
        _ range: ObjectRange,
        _ etag: String?,
        _ store: any ObjectStore
    ) async -> Result<StoredObject, ObjectStoreError> {
        do throws(ObjectStoreError) {
            let piece = try await store.get(object.key, range: range, ifMatch: etag)
            guard piece.info.size == object.size, piece.bytes.count == range.count else {
                let detail = "it was listed with \(object.size) bytes and has \(piece.info.size)"
                throw ObjectStoreError(.changed, .get, key: object.key, store: store.name, detail)
            }
            return .success(piece)
        } catch {
            return .failure(error)
        }
    }

    private static func failure(_ error: ObjectStoreError) -> RestoreError {
        switch error.kind {
        case .notFound, .changed, .outOfRange: .vanished(error)
        default: RestoreError(error)
        }
    }
}
