package import LTX
package import ObjectStore
internal import Synchronization

/// Keeps a further replica equal to the log: it gets each file once the log has it, the same bytes under the same name.
///
/// What does not fit into memory while the replica cannot be reached is let go of, and fetched from the log's own store
/// afterwards.
package final class FollowingReplica: Sendable {
    package struct Status: Sendable, Equatable {
        /// The newest transaction that the replica has.
        package internal(set) var txid: TXID?
        /// The newest that it should have.
        package internal(set) var offered: TXID?
        /// When the oldest of those that it lacks was offered, by the steady clock.
        package internal(set) var behindSince: Duration?
        /// What is wrong, in words; nil while all is well.
        package internal(set) var problem: String?
        /// It holds another history, and is not written any more.
        package internal(set) var hasDiverged = false
    }

    private struct State {
        var status = Status()
        var waiting: [Offer] = []
        var waitingBytes = 0
        /// Whether something was let go of.
        var hasGap = false
        var isFinishing = false
        var consumer: CheckedContinuation<Void, Never>?
    }

    private struct Offer {
        let position: Position
        let bytes: [UInt8]
        let offeredAt: Duration
    }

    package let name: String
    private let store: any ObjectStore
    private let layout: ReplicaLayout
    private let source: any ObjectStore
    private let sourceLayout: ReplicaLayout
    private let clock: StoreClock
    private let didCopy: @Sendable (Position, [UInt8]) -> Void
    private let state = Mutex(State())

    /// The most that waits in memory.
    private static let waitingBytesMax = 16 << 20
    /// Larger files go from store to store in pieces, except those of level 0: only what is in memory can be created if
    /// it is absent, as it was when the log got it.
    private static let wholeBytesMax = 8 << 20
    private static let pauseMax = Duration.seconds(5)

    /// A replica that has the name `name` in messages, and follows the log in `source`.
    ///
    /// `didCopy` is told of each file of level 0 that has arrived.
    package init(
        _ name: String,
        _ store: any ObjectStore,
        _ layout: ReplicaLayout,
        following source: any ObjectStore,
        _ sourceLayout: ReplicaLayout,
        clock: StoreClock = .system,
        didCopy: @escaping @Sendable (Position, [UInt8]) -> Void = { _, _ in }
    ) {
        (self.name, self.store, self.layout) = (name, store, layout)
        (self.source, self.sourceLayout, self.clock, self.didCopy) = (source, sourceLayout, clock, didCopy)
    }

    package var status: Status { state.withLock { $0.status } }

    /// For how long something has been missing.
    package var lag: Duration {
        let now = clock.elapsed()
        return state.withLock { $0.status.behindSince }.map { now - $0 } ?? .zero
    }

    /// Hands over a file that the log has; never waits.
    package func offer(_ position: Position, _ bytes: [UInt8]) {
        let consumer = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.status.hasDiverged else { return nil }
            let now = clock.elapsed()
            state.status.offered = position.txid
            state.status.behindSince = state.status.behindSince ?? now
            if state.waitingBytes + bytes.count > Self.waitingBytesMax {
                (state.waiting, state.waitingBytes, state.hasGap) = ([], 0, true)
            } else if !state.hasGap {
                state.waiting.append(Offer(position: position, bytes: bytes, offeredAt: now))
                state.waitingBytes += bytes.count
            }
            return state.consumer.take()
        }
        consumer?.resume()
    }

    /// Ends ``run(report:)`` once everything that was offered has arrived; cancel it to end it sooner.
    package func finish() {
        let consumer = state.withLock { state in
            state.isFinishing = true
            return state.consumer.take()
        }
        consumer?.resume()
    }

    /// Brings the replica to the end of the log and keeps it there, until cancelled or finished.
    package func run(report: @Sendable (String) -> Void) async {
        var failureCount = 0
        while !Task.isCancelled {
            do throws(FollowError) {
                var end = try await fill()
                failureCount = 0
                while let offer = await next() {
                    guard let file = offer.value else { break }
                    end = try await append(file, after: end)
                }
                if state.withLock({ $0.isFinishing && $0.waiting.isEmpty && !$0.hasGap }) { return }
            } catch {
                if case .cancelled = error { return }
                note(error, report)
                if case .diverged = error { return }
                failureCount += 1
                await pause(failureCount)
            }
        }
    }

    private func pause(_ failureCount: Int) async {
        let delay = Duration.milliseconds(100) * (1 << min(failureCount, 10))
        // Cancelled, the loop sees it by itself.
        try? await clock.sleep(min(delay, Self.pauseMax) * (0.5 + clock.random() / 2))
    }

    private func note(_ error: FollowError, _ report: @Sendable (String) -> Void) {
        let isNews = state.withLock { state in
            defer { state.status.problem = "\(error)" }
            // What fails again and again is told once.
            return state.status.problem != "\(error)"
        }
        if isNews { report("replica \(name): \(error)") }
        if case .diverged = error {
            state.withLock { ($0.status.hasDiverged, $0.waiting, $0.waitingBytes) = (true, [], 0) }
        }
    }

    // MARK: What is offered

    /// The next file, or nothing where files were let go of; nil when there will be none.
    private func next() async -> (value: Offer?, ())? {
        while true {
            let (found, isOver) = state.withLock { state -> ((value: Offer?, ())?, Bool) in
                if state.hasGap {
                    state.hasGap = false
                    return ((nil, ()), false)
                }
                guard !state.waiting.isEmpty else { return (nil, state.isFinishing) }
                let offer = state.waiting.removeFirst()
                state.waitingBytes -= offer.bytes.count
                return ((offer, ()), false)
            }
            if let found { return found }
            guard !isOver, !Task.isCancelled else { return nil }
            await waitForOffer()
        }
    }

    private func waitForOffer() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    let isReady = !state.waiting.isEmpty || state.hasGap || state.isFinishing || Task.isCancelled
                    if !isReady { state.consumer = continuation }
                    return isReady
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.consumer.take() }?.resume()
        }
    }

    /// Adds a file of level 0 behind what the replica has.
    private func append(_ offer: Offer, after end: Position?) async throws(FollowError) -> Position? {
        let txid = offer.position.txid
        // What the filling has brought already.
        guard txid > end?.txid ?? TXID(rawValue: 0) else { return end }
        let header = try header(offer.bytes, key: key(txid))
        guard txid.rawValue == (end?.txid.rawValue ?? 0) + 1 else { throw .missed(txid) }
        try checkLink(header, to: end)
        try await create(key(txid), offer.bytes, header)
        didArrive(offer.position)
        didCopy(offer.position, offer.bytes)
        return offer.position
    }

    private func didArrive(_ position: Position) {
        state.withLock { state in
            state.status.txid = position.txid
            state.status.problem = nil
            let isCurrent = position.txid >= state.status.offered ?? position.txid
            state.status.behindSince = isCurrent ? nil : state.waiting.first?.offeredAt ?? state.status.behindSince
        }
    }

    private func key(_ txid: TXID) -> String { layout.key(level: 0, min: txid, max: txid) }

    private func checkLink(_ header: Header, to end: Position?) throws(FollowError) {
        guard let predecessor = header.linkedChecksum, let end else { return }
        guard predecessor == end.fileChecksum else { throw .diverged(end.txid) }
    }

    private func header(_ bytes: [UInt8], key: String) throws(FollowError) -> Header {
        do throws(LTXError) { return try Header(bytes.span) } catch { throw .damaged(key: key, "\(error)") }
    }

    /// Creates a file; where there is one already, it must be the same.
    private func create(_ key: String, _ bytes: [UInt8], _ header: Header) async throws(FollowError) {
        let time = StoreTime(unixMilliseconds: header.timestampMilliseconds)
        do throws(ObjectStoreError) { _ = try await store.createIfAbsent(key, bytes, timestamp: time) } catch {
            guard error.kind == .exists || error.kind == .ambiguous else { throw FollowError(error) }
            guard try await isStored(key, bytes) else { throw .diverged(header.maxTXID) }
        }
    }

    private func isStored(_ key: String, _ bytes: [UInt8]) async throws(FollowError) -> Bool {
        var (isSame, compared) = (true, 0)
        do throws(ObjectStoreError) {
            _ = try await store.read(key) { piece async throws(ObjectStoreError) in
                isSame = isSame && bytes[compared...].starts(with: piece)
                compared = min(bytes.count, compared + piece.count)
            }
        } catch { throw FollowError(error) }
        return isSame && compared == bytes.count
    }

    // MARK: Filling

    /// Copies what a restore of the log would read and the replica does not have.
    ///
    /// - Returns: Where the replica ends then; nil while it and the log are empty.
    private func fill() async throws(FollowError) -> Position? {
        let (wanted, own): (ReplicaListing, ReplicaListing)
        do throws(ObjectStoreError) {
            wanted = try await ReplicaListing(of: source)
            own = try await ReplicaListing(of: store)
        } catch { throw FollowError(error) }
        var end = try await self.end(of: own)
        guard !wanted.ltx.isEmpty else {
            guard end == nil else { throw .diverged(end?.txid ?? TXID(rawValue: 0)) }
            return nil
        }
        if let end { try await compareNewest(own, wanted, end) }
        for file in try plan(wanted, behind: end?.txid) {
            end = try await copy(file, behind: end)
        }
        if let end { didArrive(end) }
        return end
    }

    /// Where a replica ends; nil for an empty one.
    private func end(of listing: ReplicaListing) async throws(FollowError) -> Position? {
        let newest = listing.ltx.max { ($0.maxTXID, -$0.level) < ($1.maxTXID, -$1.level) }
        guard let newest else { return nil }
        return try await end(of: newest, in: store)
    }

    private func end(of file: LTXFile, in store: any ObjectStore) async throws(FollowError) -> Position? {
        let key = file.object.key
        let start = try await part(of: key, in: store, at: 0, count: Header.size)
        let header = try header(start.bytes, key: key)
        guard file.level == 0 else {
            return header.linkedChecksum.map { Position(txid: file.maxTXID, fileChecksum: $0) }
        }
        let tail = try await part(of: key, in: store, at: max(0, file.object.size - 8), count: 8)
        guard let checksum = Checksum(rawValue: tail.bytes.reduce(0) { $0 << 8 | UInt64($1) }) else {
            throw .damaged(key: key, "it has no checksum")
        }
        return Position(txid: file.maxTXID, fileChecksum: checksum)
    }

    private func part(
        of key: String,
        in store: any ObjectStore,
        at offset: Int,
        count: Int
    ) async throws(FollowError) -> StoredObject {
        do throws(ObjectStoreError) {
            return try await store.get(key, range: ObjectRange(offset: offset, count: count), ifMatch: nil)
        } catch { throw FollowError(error) }
    }

    /// The replica's newest file, where the log has it too, must be the same.
    private func compareNewest(
        _ own: ReplicaListing,
        _ wanted: ReplicaListing,
        _ end: Position
    ) async throws(FollowError) {
        guard let newest = wanted.ltx.map(\.maxTXID).max(), newest >= end.txid else { throw .diverged(end.txid) }
        guard let twin = wanted.ltx.first(where: { $0.level == 0 && $0.maxTXID == end.txid }) else { return }
        guard try await self.end(of: twin, in: source) == end else { throw .diverged(end.txid) }
    }

    private func plan(_ listing: ReplicaListing, behind txid: TXID?) throws(FollowError) -> [LTXFile] {
        // One by one where the log still has them one by one: the replica can then be compacted as the log is.
        if let txid {
            let single = listing.ltx.filter { $0.level == 0 && $0.minTXID > txid }
            if single.first.map({ $0.minTXID.rawValue == txid.rawValue + 1 }) ?? true { return single }
        }
        do throws(RestorePlanError) {
            guard case .ltx(let files) = try RestorePlan(listing).steps else { return [] }
            return files.filter { $0.maxTXID > txid ?? TXID(rawValue: 0) }
        } catch { throw .source("\(error)") }
    }

    private func copy(_ file: LTXFile, behind end: Position?) async throws(FollowError) -> Position? {
        let key = layout.key(level: file.level, min: file.minTXID, max: file.maxTXID)
        let start = try await part(of: file.object.key, in: source, at: 0, count: Header.size)
        let header = try header(start.bytes, key: file.object.key)
        if file.level == 0 { try checkLink(header, to: end) }
        let position = try await self.end(of: file, in: source)
        let object = ObjectSource(source, file.object.key, size: file.object.size, etag: start.info.etag)
        guard file.level == 0 || file.object.size <= Self.wholeBytesMax else {
            let time = StoreTime(unixMilliseconds: header.timestampMilliseconds)
            do throws(ObjectStoreError) { _ = try await store.put(key, from: object, timestamp: time) } catch {
                throw FollowError(error)
            }
            return position
        }
        let bytes: [UInt8]
        do { bytes = try await object.read(file.object.size) } catch {
            throw (error as? ObjectStoreError).map(FollowError.init) ?? error as? FollowError ?? .source("\(error)")
        }
        try await create(key, bytes, header)
        if file.level == 0, let position { didCopy(position, bytes) }
        return position
    }
}

/// Why a replica could not be brought on.
enum FollowError: Error, CustomStringConvertible {
    case store(ObjectStoreError)
    /// The log's own store cannot give what is missing.
    case source(String)
    case damaged(key: String, String)
    /// It holds, up to this transaction, another history than the log.
    case diverged(TXID)
    /// Something before this transaction was not offered.
    case missed(TXID)
    case cancelled

    init(_ error: ObjectStoreError) {
        self = error.kind == .cancelled ? .cancelled : .store(error)
    }

    var description: String {
        switch self {
        case .store(let error): "\(error)"
        case .source(let problem): "the log itself cannot be copied: \(problem)"
        case .damaged(let key, let problem): "\"\(key)\" is damaged: \(problem)"
        case .diverged(let txid):
            "it holds another history (up to transaction \(txid)) and is not written any more; "
                + "move it away or give the replica another path"
        case .missed(let txid): "transactions before \(txid) are missing"
        case .cancelled: "interrupted"
        }
    }
}

/// An object's bytes, in the pieces that somebody asks for, all of one state of it.
private actor ObjectSource: ByteSource {
    private let store: any ObjectStore
    private let key: String
    private let size: Int
    private let etag: String?
    private var offset = 0

    private static let pieceBytesMax = 8 << 20

    init(_ store: any ObjectStore, _ key: String, size: Int, etag: String?) {
        (self.store, self.key, self.size, self.etag) = (store, key, size, etag)
    }

    func read(_ count: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(count, size - offset))
        while bytes.count < count, offset < size {
            let part = min(count - bytes.count, size - offset, Self.pieceBytesMax)
            let piece = try await store.get(key, range: ObjectRange(offset: offset, count: part), ifMatch: etag).bytes
            guard piece.count == part else { throw FollowError.damaged(key: key, "it is shorter than it was") }
            bytes += piece
            offset += part
        }
        return bytes
    }
}
