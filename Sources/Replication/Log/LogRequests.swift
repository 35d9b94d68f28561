internal import LTX
internal import ObjectStore

/// Asks the store what ``LogMachine`` wants to know, and does to it what that decides.
struct LogRequests: Sendable {
    let store: any ObjectStore
    let layout: ReplicaLayout
    let clock: StoreClock
    let patience: LogPatience
    /// The file that is to be added, where one is.
    let batch: LogBatch?

    /// What the first request for a file reads: all of nearly every one.
    private static let pieceBytes = 1 << 20
    /// So many files are asked for beside the one that is needed next.
    private static let aheadMax: UInt64 = 7

    private func key(_ txid: TXID) -> String { layout.key(level: 0, min: txid, max: txid) }

    /// Does one thing; what came of it besides the event is added to `harvest`.
    func perform(_ effect: LogMachine.Effect, _ harvest: inout LogHarvest) async -> LogMachine.Event {
        do throws(ObjectStoreError) {
            switch effect {
            case .create(let txid): return await create(key(txid))
            case .readBack(let txid, let isTaken):
                guard isTaken else { return .readBack(try await readBack(txid, &harvest)) }
                // Whoever has lost a race is in a hurry: what follows is asked for at the same time.
                async let next = early(TXID(rawValue: txid.rawValue + 1))
                let found = try await readBack(txid, &harvest)
                if case .other = found { harvest.add(await next) }
                return .readBack(found)
            case .list(let txid): return .listed(try await list(after: txid))
            case .look(let txid): return try await look(key(txid))
            case .fetch(let txid): return try await fetch(txid, &harvest)
            case .check(let last, let base): return try await check(key(last), base)
            case .pause(let duration):
                // Cancelled: the next request is cancelled too, and that is for the machine to know.
                try? await clock.sleep(duration)
                return .paused
            case .finish: preconditionFailure("nothing is left to do")
            }
        } catch { return .failed(error) }
    }

    private func create(_ key: String) async -> LogMachine.Event {
        guard let batch else { preconditionFailure("nothing to create") }
        let timestamp = StoreTime(unixMilliseconds: batch.header.timestampMilliseconds)
        do throws(ObjectStoreError) {
            let receipt = try await inTime { () async throws(ObjectStoreError) in
                try await store.createIfAbsent(key, batch.bytes, timestamp: timestamp)
            }
            return .created(at: receipt.storeTime)
        } catch { return .notCreated(error) }
    }

    /// Compares the object with the file that was to be added, in pieces of one state of it.
    private func readBack(
        _ txid: TXID,
        _ harvest: inout LogHarvest
    ) async throws(ObjectStoreError) -> LogMachine.ReadBack {
        guard let batch else { preconditionFailure("nothing to compare with") }
        let (bytes, writerID) = (batch.bytes, batch.header.nodeID)
        var (offset, etag, time) = (0, String?.none, StoreTime?.none)
        repeat {
            // More than ours has: of another's file this is all, as a rule.
            let count = offset == 0 ? max(bytes.count, Self.pieceBytes) : bytes.count - offset
            let range = ObjectRange(offset: offset, count: min(ObjectRange.bytesMax, count))
            let asked = LocalTime(clock)
            let piece: StoredObject
            do throws(ObjectStoreError) {
                piece = try await get(key(txid), range, ifMatch: etag)
            } catch {
                guard error.kind == .notFound else { throw error }
                return .absent
            }
            if offset == 0 {
                // What is no file of the format has no writer, and is not ours.
                let header = try? Header(piece.bytes.span)
                guard header?.nodeID == writerID else {
                    harvest.add(EarlyAnswer(txid, .found(piece), asked: asked))
                    return .other(nodeID: header?.nodeID ?? .max, at: piece.info.storeTime)
                }
            }
            let end = min(bytes.count, offset + range.count)
            guard piece.info.size == bytes.count, piece.bytes.elementsEqual(bytes[offset..<end]) else {
                return .other(nodeID: writerID, at: piece.info.storeTime)
            }
            offset = end
            (etag, time) = (piece.info.etag, piece.info.storeTime)
        } while offset < bytes.count
        return .mine(at: time)
    }

    private func list(after txid: TXID?) async throws(ObjectStoreError) -> LogListing {
        var request: ListRequest? = ListRequest(prefix: layout.prefix, startAfter: txid.map(key))
        var digest = ListingDigest()
        while let page = request {
            let answer = try await inTime { () async throws(ObjectStoreError) in try await store.list(page) }
            digest.add(answer, layout)
            request = answer.next
        }
        return digest.listing
    }

    private func look(_ key: String) async throws(ObjectStoreError) -> LogMachine.Event {
        do throws(ObjectStoreError) {
            // Not HEAD: its answer cannot tell a missing object from a missing bucket.
            let start = try await get(key, ObjectRange(offset: 0, count: Header.size), ifMatch: nil)
            return .looked(isThere: true, at: start.info.storeTime)
        } catch {
            guard error.kind == .notFound else { throw error }
            return .looked(isThere: false, at: error.storeTime)
        }
    }

    /// Reads a file, and beside it some that come next, the more of them the more there were so far.
    ///
    /// One after the other, it could take for ever to come to the end of a log to which others add without a rest.
    private func fetch(
        _ txid: TXID,
        _ harvest: inout LogHarvest
    ) async throws(ObjectStoreError) -> LogMachine.Event {
        if let answer = harvest.take(txid) { return take(answer, txid, &harvest) }
        let aheadCount = min(Self.aheadMax, (UInt64(harvest.files.count) + 1) / 2)
        let (answer, others) = await withTaskGroup(of: EarlyAnswer?.self) { group in
            for number in 0..<aheadCount {
                group.addTask { await early(TXID(rawValue: txid.rawValue + 1 + number)) }
            }
            let asked = LocalTime(clock)
            let answer: Result<EarlyAnswer, ObjectStoreError>
            do throws(ObjectStoreError) {
                answer = .success(EarlyAnswer(txid, try await whole(key(txid)), asked: asked))
            } catch { answer = .failure(error) }
            return (answer, await group.reduce(into: []) { $0.append($1) })
        }
        for other in others { harvest.add(other) }
        return take(try answer.get(), txid, &harvest)
    }

    private func take(_ answer: EarlyAnswer, _ txid: TXID, _ harvest: inout LogHarvest) -> LogMachine.Event {
        switch answer.content {
        case .absent(let time): return .absent(at: time, asked: answer.asked)
        case .tooLarge: return .tooLarge
        case .found(let object):
            do throws(LogError) {
                let file = try LogFile(object.bytes, of: txid, key: key(txid))
                harvest.files.append(file)
                return .fetched(file.entry, byteCount: file.byteCount, at: object.info.storeTime)
            } catch { return .unreadable(error) }
        }
    }

    /// What can be learned of a file by one request, before it is needed; nil if that is not enough.
    private func early(_ txid: TXID) async -> EarlyAnswer? {
        let asked = LocalTime(clock)
        do throws(ObjectStoreError) {
            let piece = try await get(key(txid), ObjectRange(offset: 0, count: Self.pieceBytes), ifMatch: nil)
            return EarlyAnswer(txid, .found(piece), asked: asked)
        } catch {
            return error.kind == .notFound ? EarlyAnswer(txid, .absent(at: error.storeTime), asked: asked) : nil
        }
    }

    /// The whole object, in two requests if it is long: only then is it known how long they may take.
    private func whole(_ key: String) async throws(ObjectStoreError) -> EarlyAnswer.Content {
        do throws(ObjectStoreError) {
            let start = try await get(key, ObjectRange(offset: 0, count: Self.pieceBytes), ifMatch: nil)
            let size = start.info.size
            guard start.bytes.count < size else { return .found(start) }
            guard size <= ObjectRange.bytesMax else { return .tooLarge }
            let range = ObjectRange(offset: start.bytes.count, count: size - start.bytes.count)
            let rest = try await get(key, range, ifMatch: start.info.etag)
            return .found(StoredObject(bytes: start.bytes + rest.bytes, info: start.info))
        } catch {
            switch error.kind {
            case .notFound: return .absent(at: error.storeTime)
            // Of an empty object there is no range.
            case .outOfRange:
                let info = ObjectInfo(key: key, size: 0, etag: nil, lastModified: nil)
                return .found(StoredObject(bytes: [], info: info))
            default: throw error
            }
        }
    }

    private func check(_ last: String, _ base: String?) async throws(ObjectStoreError) -> LogMachine.Event {
        async let lastIsMissing = isMissing(last)
        async let baseIsMissing = base == nil || base == last ? false : isMissing(base ?? last)
        do {
            return .checked(lastIsMissing: try await lastIsMissing, baseIsMissing: try await baseIsMissing)
        } catch { throw error as? ObjectStoreError ?? cancelled(last) }
    }

    private func isMissing(_ key: String) async throws(ObjectStoreError) -> Bool {
        do throws(ObjectStoreError) {
            _ = try await get(key, ObjectRange(offset: 0, count: Header.size), ifMatch: nil)
            return false
        } catch {
            guard error.kind == .notFound else { throw error }
            return true
        }
    }

    private func get(
        _ key: String,
        _ range: ObjectRange,
        ifMatch: String?
    ) async throws(ObjectStoreError) -> StoredObject {
        // The first piece is short; whatever is longer was asked for by somebody who knows how long it is.
        let extra = max(0, range.count - Self.pieceBytes)
        return try await inTime(bytes: extra) { () async throws(ObjectStoreError) in
            try await store.get(key, range: range, ifMatch: ifMatch)
        }
    }

    // MARK: Time

    /// Cancels the call when its time is over; the store then says what may have become of it.
    private func inTime<Value: Sendable>(
        bytes: Int = 0,
        _ call: @escaping @Sendable () async throws(ObjectStoreError) -> Value
    ) async throws(ObjectStoreError) -> Value {
        let left =
            switch patience {
            case .until(let deadline): deadline - clock.elapsed()
            case .each(let duration): duration + LogTiming.lineTime(of: bytes)
            }
        let result = await withTaskGroup(of: Result<Value, ObjectStoreError>?.self) { group in
            group.addTask {
                do throws(ObjectStoreError) { return .success(try await call()) } catch { return .failure(error) }
            }
            group.addTask { [clock] in
                try? await clock.sleep(max(.zero, left))
                return nil
            }
            var result: Result<Value, ObjectStoreError>?
            for await answer in group {
                // Either the answer is there, or its time is over; and then the call must still end.
                group.cancelAll()
                result = result ?? answer
            }
            return result
        }
        guard let result else { preconditionFailure("a call without an end") }
        return try result.get()
    }

    private func cancelled(_ key: String) -> ObjectStoreError {
        ObjectStoreError(.cancelled, .get, key: key, store: store.name, "cancelled")
    }
}

/// How long the store may take to answer.
enum LogPatience: Sendable {
    /// Until then, by the steady clock, whatever is asked.
    case until(Duration)
    /// So long for each request.
    case each(Duration)
}

/// What came of requests for files, besides what ``LogMachine`` has to know.
struct LogHarvest: Sendable {
    /// Those that were asked for, in order.
    var files: [LogFile] = []
    /// What is known of those that come next.
    private var early: [TXID: EarlyAnswer] = [:]

    /// Notes what may be asked for next.
    mutating func add(_ answer: EarlyAnswer?) {
        guard let answer, answer.isWhole else { return }
        early[answer.txid] = answer
    }

    mutating func take(_ txid: TXID) -> EarlyAnswer? { early.removeValue(forKey: txid) }
}

/// What the store says of a file, and when it was asked.
struct EarlyAnswer: Sendable {
    enum Content: Sendable {
        case found(StoredObject)
        case absent(at: StoreTime?)
        case tooLarge
    }

    let txid: TXID
    let content: Content
    let asked: LocalTime

    init(_ txid: TXID, _ content: Content, asked: LocalTime) {
        (self.txid, self.content, self.asked) = (txid, content, asked)
    }

    /// Whether the store need not be asked again.
    var isWhole: Bool {
        guard case .found(let object) = content else { return true }
        return object.bytes.count == object.info.size && object.info.size > 0
    }
}

/// A file that is to be added to the log.
struct LogBatch: Sendable {
    let bytes: [UInt8]
    let header: Header
}

/// What of a listing the log must know, gathered page by page.
struct ListingDigest {
    private var newest: TXID?
    private var covered: TXID?
    private var base: (key: String, max: TXID)?
    private var at: StoreTime?
    private var isBegun = false

    mutating func add(_ page: ObjectPage, _ layout: ReplicaLayout) {
        // The first page is the oldest news.
        if !isBegun { (at, isBegun) = (page.storeTime, true) }
        for object in page.objects {
            guard let (level, first, last) = layout.parse(object.key) else { continue }
            newest = max(newest ?? last, last)
            if level > 0 { covered = max(covered ?? last, last) }
            if first.rawValue == 1, base.map({ $0.max <= last }) ?? true { base = (object.key, last) }
        }
    }

    var listing: LogListing { LogListing(newest: newest, covered: covered, base: base?.key, at: at) }
}
