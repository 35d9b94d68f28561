internal import Files
internal import LTX
package import ObjectStore
internal import Synchronization

/// Where a database goes, and how.
package struct ReplicaSettings: Sendable {
    package var name: String
    package var store: any ObjectStore
    package var layout: ReplicaLayout
    /// What comes within this time goes together.
    package var syncInterval = Duration.seconds(1)
    /// How it is kept small.
    package var policy = LevelPolicy.sidecar

    package init(name: String, store: any ObjectStore, layout: ReplicaLayout) {
        (self.name, self.store, self.layout) = (name, store, layout)
    }
}

/// What a track needs of the one who follows the database.
protocol TrackSource: AnyObject, Sendable {
    /// Whose sequence numbers they are; those of another lineage mean nothing.
    var lineage: UInt64 { get }
    /// The newest state, and the staged files that lead there.
    func published() -> (sequence: UInt64, entries: [Staging.Entry], drainTo: UInt64?)
    /// Has all pages written to a file.
    func fullFile(_ txid: TXID, to path: String) async throws(TailError) -> FullFile
    /// Pins the database where a state has a number.
    func pinnedImage() async throws(TailError) -> PinnedImage
    /// Whether a replica is to be compacted, too, before its track ends.
    var finishesDueWork: Bool { get }
    /// Lets staged files go that no replica needs.
    func noteApplied()
}

struct FullFile: Sendable {
    let sequence: UInt64
    let position: Position
    let byteCount: Int
    let timestampMilliseconds: Int64
    let pageSize: UInt32
}

/// Keeps one replica up to date, at its own pace.
///
/// Every file is created only if there is none of its name. One that is there already is ours if it has the same bytes;
/// otherwise somebody else writes the replica, which ends the track: at a start we take a replica over, whoever wrote it,
/// but two at a time only destroy it.
final class ReplicaTrack: Sendable {
    private let settings: ReplicaSettings
    private let recordPath: String
    private let stagingFolder: String
    private let temporaryPath: String
    private let current = Mutex(ReplicaStatus())
    private let place = Mutex(Place())
    private let news: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation
    private let clock: StoreClock
    private let queue = BlockingQueue(label: "replica")
    private let report: @Sendable (ReplicaEvent) -> Void

    /// Larger files are not created but put, a piece at a time.
    private static let createdBytesMax = 64 << 20
    private static let delayBase = Duration.milliseconds(200)
    private static let delayMax = Duration.seconds(3)

    /// Where the replica is, for a snapshot that must be of exactly such a place.
    private struct Place {
        var sequence: UInt64 = 0
        var position: Position?
        var timestampMilliseconds: Int64 = 0
        /// No file may go beyond what somebody waits for.
        var wanted: UInt64?
        var waiting: CheckedContinuation<Void, Never>?
        var hasEnded = false
    }

    /// Why a track cannot go on by itself.
    private enum Failure: Error {
        case store(ObjectStoreError)
        case tail(TailError)
        case stopped(String)
        case cancelled
    }

    init(
        _ settings: ReplicaSettings,
        folder: String,
        stagingFolder: String,
        clock: StoreClock,
        report: @escaping @Sendable (ReplicaEvent) -> Void
    ) {
        self.settings = settings
        self.stagingFolder = stagingFolder
        recordPath = ReplicaRecord.path(in: folder, settings.name)
        temporaryPath = recordPath + "-full.tmp"
        (self.clock, self.report) = (clock, report)
        (news, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var name: String { settings.name }
    var status: ReplicaStatus { current.withLock { $0 } }

    /// Tells that there may be something to do.
    func ring() { bell.yield() }

    /// Works until it is cancelled, is stopped, or has all that it is to have in the end.
    func run(_ source: any TrackSource) async {
        let levels = Levels(
            settings.store,
            settings.layout,
            settings.policy,
            clock: clock,
            snapshots: { [self] in try await snapshot(source) },
            report: { [self] in note($0) }
        )
        let (due, dueBell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let levelTask = Task { [clock] in
            for await _ in due {
                while let wait = await levels.runDue(), !Task.isCancelled { try? await clock.sleep(wait) }
            }
        }
        await upload(source, levels) { dueBell.yield() }
        levelTask.cancel()
        endWaiting()
        await levelTask.value
        if source.finishesDueWork, !Task.isCancelled, status.health == .ok { await levels.runDue() }
    }

    private func upload(_ source: any TrackSource, _ levels: Levels, isDue: () -> Void) async {
        var position: Position?
        var sequence: UInt64?
        var isOpen = false
        var failures = 0
        var news = news.makeAsyncIterator()
        var lastStart: Duration?
        var full: (file: FullFile, txid: TXID)?
        while !Task.isCancelled {
            do throws(Failure) {
                if !isOpen {
                    (position, sequence) = try await open(source.lineage, levels)
                    isOpen = true
                }
                let state = source.published()
                if let drainTo = state.drainTo, drainTo <= sequence ?? 0 { return }
                guard state.sequence > sequence ?? 0 else {
                    noteIdle()
                    guard await news.next() != nil else { return }
                    continue
                }
                if let lastStart, state.drainTo == nil {
                    let wait = lastStart + settings.syncInterval - clock.elapsed()
                    // A look at the database may come a little early.
                    if wait > settings.syncInterval / 4 { try? await clock.sleep(wait) }
                }
                lastStart = clock.elapsed()
                let next = TXID(rawValue: (position?.txid.rawValue ?? 0) + 1)
                let done = try await advance(source, to: next, after: sequence, &full, levels)
                (position, sequence) = (done.position, done.sequence)
                if done.isDue { isDue() }
                failures = 0
                source.noteApplied()
            } catch {
                switch error {
                case .cancelled: return
                case .stopped(let reason): return stop(reason)
                case .store(let error):
                    guard !Task.isCancelled else { return }
                    // Somebody has to make the bucket again, and then nothing is in it.
                    if error.kind == .bucketMissing || error.kind == .notFound { isOpen = false }
                    fail("\(error)")
                case .tail(let error): fail("\(error)")
                }
                failures += 1
                let ceiling = min(Self.delayMax, Self.delayBase * (1 << min(failures - 1, 10)))
                try? await clock.sleep(ceiling * (0.5 + clock.random() / 2))
            }
        }
    }

    // MARK: Where the replica is

    private func open(_ lineage: UInt64, _ levels: Levels) async throws(Failure) -> (Position?, sequence: UInt64?) {
        let listing: ReplicaListing
        do throws(ObjectStoreError) { listing = try await ReplicaListing(of: settings.store) } catch {
            throw .store(error)
        }
        let files = listing.ltx.filter { settings.layout.parse($0.object.key) != nil }
        guard files.count == listing.ltx.count else {
            throw .stopped("it has files with the names of another kind of store: copy it to where those belong")
        }
        levels.learn(listing)
        guard let newest = files.map(\.maxTXID).max() else {
            note(TXID(rawValue: 0), nil)
            report(.opened(TXID(rawValue: 0), isOurs: true))
            return (nil, nil)
        }
        let record = ReplicaRecord(at: recordPath)
        let last = files.last { $0.level == 0 && $0.maxTXID == newest }
        if let record, let last, record.replica == settings.store.name, record.lineage == lineage,
            record.position.txid == newest,
            record.position.fileChecksum == (try await checksum(last))
        {
            note(newest, record.sequence)
            reach(record.sequence, record.position, last.createdAtMilliseconds)
            report(.opened(newest, isOurs: true))
            return (record.position, record.sequence)
        }
        note(newest, nil)
        report(.opened(newest, isOurs: false))
        // Its checksum is needed by nobody: what follows is a full file.
        return (Checksum(rawValue: 1 << 63).map { Position(txid: newest, fileChecksum: $0) }, nil)
    }

    private func checksum(_ file: LTXFile) async throws(Failure) -> Checksum? {
        guard file.object.size >= 8 else { return nil }
        let range = ObjectRange(offset: file.object.size - 8, count: 8)
        do throws(ObjectStoreError) {
            let bytes = try await settings.store.get(file.object.key, range: range, ifMatch: nil).bytes
            return Checksum(rawValue: bytes.reduce(0) { $0 << 8 | UInt64($1) })
        } catch { throw .store(error) }
    }

    // MARK: Uploading

    private func advance(
        _ source: any TrackSource,
        to txid: TXID,
        after sequence: UInt64?,
        _ full: inout (file: FullFile, txid: TXID)?,
        _ levels: Levels
    ) async throws(Failure) -> (position: Position, sequence: UInt64, isDue: Bool) {
        let start = clock.elapsed()
        let (newest, entries, _) = source.published()
        let wanted = place.withLock { $0.wanted }
        if let sequence, let run = IncrementRun(after: sequence, upTo: wanted, of: entries, in: stagingFolder) {
            // It may have been let go in this moment; then the next attempt is a full file.
            let file = try await blocking { () throws(TailError) in try run.file(txid) }
            let time = try await create(txid, file.bytes, run.last.timestampMilliseconds)
            try await finish(source.lineage, file.position, run.last, file.bytes.count, isFull: false, start)
            return (file.position, run.last.sequence, try note(file.bytes, file.position, time, levels))
        }
        // An attempt that failed has left its file: a large database is not to be read again for each attempt.
        let kept = full.flatMap { full in
            let leadsOn = full.file.sequence == newest || entries.contains { $0.sequence == full.file.sequence + 1 }
            return full.txid == txid && leadsOn ? full.file : nil
        }
        full = nil
        let file = if let kept { kept } else { try await newFullFile(source, txid) }
        full = (file, txid)
        let entry = Staging.Entry(
            sequence: file.sequence,
            byteCount: file.byteCount,
            timestampMilliseconds: file.timestampMilliseconds
        )
        guard file.byteCount <= Self.createdBytesMax else {
            try await putLarge(txid, file)
            full = nil
            try await finish(source.lineage, file.position, entry, file.byteCount, isFull: true, start)
            // The levels do not keep it in memory either: they look for it.
            do throws(ObjectStoreError) { levels.learn(try await ReplicaListing(of: settings.store)) } catch {
                throw .store(error)
            }
            return (file.position, file.sequence, false)
        }
        let path = temporaryPath
        let bytes = try await blocking { () throws(TailError) in
            do throws(FileError) {
                return try File(reading: path).read(at: 0, count: file.byteCount)
            } catch { throw .file(error) }
        }
        let time = try await create(txid, bytes, file.timestampMilliseconds)
        full = nil
        try await finish(source.lineage, file.position, entry, file.byteCount, isFull: true, start)
        return (file.position, file.sequence, try note(bytes, file.position, time, levels))
    }

    private func newFullFile(_ source: any TrackSource, _ txid: TXID) async throws(Failure) -> FullFile {
        do throws(TailError) { return try await source.fullFile(txid, to: temporaryPath) } catch { throw .tail(error) }
    }

    /// Whether the levels may have something to do, after this file.
    private func note(
        _ bytes: [UInt8],
        _ position: Position,
        _ storeTime: StoreTime?,
        _ levels: Levels
    ) throws(Failure) -> Bool {
        let header: Header
        do throws(LTXError) { header = try Header(bytes.span) } catch { throw .tail(.format(error)) }
        return levels.note(header, position, bytes, storeTime: storeTime)
    }

    private func key(_ txid: TXID) -> String { settings.layout.key(level: 0, min: txid, max: txid) }

    /// Creates a file, and returns when it is certain that it is there.
    private func create(_ txid: TXID, _ bytes: [UInt8], _ milliseconds: Int64) async throws(Failure) -> StoreTime? {
        let key = key(txid)
        let time = StoreTime(unixMilliseconds: milliseconds)
        var failures = 0
        while true {
            do throws(ObjectStoreError) {
                return try await settings.store.createIfAbsent(key, bytes, timestamp: time).storeTime
            } catch {
                // Whatever it was: only the object itself tells whether this or an earlier attempt made it.
                if error.kind == .exists || error.kind == .ambiguous, try await isThere(key, bytes) {
                    return error.storeTime
                }
                guard error.isPassing, !Task.isCancelled else { throw .store(error) }
                fail("\(error)")
            }
            failures += 1
            let ceiling = min(Self.delayMax, Self.delayBase * (1 << min(failures - 1, 10)))
            do { try await clock.sleep(ceiling * (0.5 + clock.random() / 2)) } catch { throw .cancelled }
        }
    }

    /// Whether the object is the one that we make; another one is somebody else's.
    private func isThere(_ key: String, _ bytes: [UInt8]) async throws(Failure) -> Bool {
        let found: [UInt8]
        do throws(ObjectStoreError) { found = try await settings.store.get(key).bytes } catch {
            if error.kind == .notFound { return false }
            throw .store(error)
        }
        guard found == bytes else { throw foreign(key) }
        return true
    }

    private func foreign(_ key: String) -> Failure {
        .stopped("somebody else has written \(key) in \(settings.store.name)")
    }

    /// Puts what is too large for one request, after a look that it is not there.
    private func putLarge(_ txid: TXID, _ file: FullFile) async throws(Failure) {
        let key = key(txid)
        let time = StoreTime(unixMilliseconds: file.timestampMilliseconds)
        var isFree = false
        do throws(ObjectStoreError) { _ = try await settings.store.head(key) } catch {
            guard error.kind == .notFound else { throw .store(error) }
            isFree = true
        }
        guard isFree else { throw foreign(key) }
        do throws(ObjectStoreError) {
            _ = try await settings.store.put(key, from: FileSource(temporaryPath), timestamp: time)
        } catch { throw .store(error) }
    }

    private func finish(
        _ lineage: UInt64,
        _ position: Position,
        _ newest: Staging.Entry,
        _ byteCount: Int,
        isFull: Bool,
        _ start: Duration
    ) async throws(Failure) {
        let sequence = newest.sequence
        let record = ReplicaRecord(
            position: position,
            lineage: lineage,
            sequence: sequence,
            replica: settings.store.name
        )
        let (recordPath, temporaryPath) = (recordPath, temporaryPath)
        try await blocking { () throws(TailError) in
            do throws(FileError) {
                try record.save(at: recordPath)
                if isFull { try Files.removeIfPresent(temporaryPath) }
            } catch { throw .file(error) }
        }
        note(position.txid, sequence)
        reach(sequence, position, newest.timestampMilliseconds)
        current.withLock {
            $0.uploadCount += 1
            $0.uploadedBytes += byteCount
        }
        let seconds = (clock.elapsed() - start) / .seconds(1)
        report(.uploaded(position.txid, byteCount: byteCount, isFull: isFull, seconds: seconds))
    }

    private func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () throws(TailError) -> Value
    ) async throws(Failure) -> Value {
        do throws(TailError) { return try await queue.run(body) } catch { throw .tail(error) }
    }

    // MARK: Snapshots

    /// An image of the database where the replica is, or comes to be.
    private func snapshot(_ source: any TrackSource) async throws -> Snapshot? {
        let image = try await source.pinnedImage()
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isThere = place.withLock { place -> Bool in
                guard place.sequence < image.sequence, !place.hasEnded, place.waiting == nil else { return true }
                (place.wanted, place.waiting) = (image.sequence, continuation)
                return false
            }
            if isThere { continuation.resume() }
            bell.yield()
        }
        let (sequence, position, time) = place.withLock { ($0.sequence, $0.position, $0.timestampMilliseconds) }
        guard sequence == image.sequence, let position else { return nil }
        return try image.snapshot(at: position, timestampMilliseconds: time)
    }

    private func reach(_ sequence: UInt64, _ position: Position, _ milliseconds: Int64) {
        let waiting = place.withLock { place -> CheckedContinuation<Void, Never>? in
            (place.sequence, place.position, place.timestampMilliseconds) = (sequence, position, milliseconds)
            guard let wanted = place.wanted, sequence >= wanted else { return nil }
            place.wanted = nil
            return place.waiting.take()
        }
        waiting?.resume()
    }

    private func endWaiting() {
        let waiting = place.withLock { place -> CheckedContinuation<Void, Never>? in
            place.hasEnded = true
            return place.waiting.take()
        }
        waiting?.resume()
    }

    private func note(_ event: Levels.Event) {
        if case .snapshotTaken = event {
            let now = clock.now().unixMilliseconds
            current.withLock { $0.snapshotAtMilliseconds = now }
        }
        report(.levels(event))
    }

    // MARK: Status

    private func note(_ txid: TXID, _ sequence: UInt64?) {
        let now = clock.now().unixMilliseconds
        current.withLock {
            ($0.txid, $0.sequence, $0.health, $0.problem) = (txid, sequence, .ok, nil)
            $0.confirmedAtMilliseconds = now
        }
    }

    private func noteIdle() {
        current.withLock { ($0.health, $0.problem) = (.ok, nil) }
    }

    private func fail(_ reason: String) {
        let isNew = current.withLock { status in
            defer { (status.health, status.problem) = (.failing, reason) }
            status.failureCount += 1
            return status.problem != reason
        }
        // The same with each attempt would hide everything else.
        if isNew { report(.failed(reason)) }
    }

    private func stop(_ reason: String) {
        current.withLock { ($0.health, $0.problem) = (.stopped, reason) }
        report(.stopped(reason))
    }
}
