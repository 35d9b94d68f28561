internal import LTX
internal import ObjectStore

/// Asks the store what ``LogMachine`` wants to know, and does to it what that decides.
struct LogRequests: Sendable {
    let store: any ObjectStore
    let layout: ReplicaLayout
    let clock: StoreClock
    /// When, by the steady clock, no answer is of use any more.
    let deadline: Duration?
    /// The file that is to be added, where one is.
    let batch: LogBatch?

    private func key(_ txid: TXID) -> String { layout.key(level: 0, min: txid, max: txid) }

    /// Does one thing; files that were fetched are added to `files`.
    func perform(_ effect: LogMachine.Effect, _ files: inout [LogFile]) async -> LogMachine.Event {
        do throws(ObjectStoreError) {
            switch effect {
            case .create(let txid): return await create(key(txid))
            case .readBack(let txid): return .readBack(try await readBack(key(txid)))
            case .list(let txid): return .listed(try await list(after: txid))
            case .look(let txid): return try await look(key(txid))
            case .fetch(let txid): return try await fetch(txid, &files)
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
    private func readBack(_ key: String) async throws(ObjectStoreError) -> LogMachine.ReadBack {
        guard let batch else { preconditionFailure("nothing to compare with") }
        let (bytes, writerID) = (batch.bytes, batch.header.nodeID)
        var (offset, etag, time) = (0, String?.none, StoreTime?.none)
        repeat {
            let count = min(ObjectRange.bytesMax, bytes.count - offset)
            let range = ObjectRange(offset: offset, count: count)
            let piece: StoredObject
            do throws(ObjectStoreError) {
                piece = try await get(key, range, ifMatch: etag)
            } catch {
                guard error.kind == .notFound else { throw error }
                return .absent
            }
            if offset == 0 {
                // What is no file of the format has no writer, and is not ours.
                let header = try? Header(piece.bytes.span)
                guard header?.nodeID == writerID else {
                    return .other(nodeID: header?.nodeID ?? .max, at: piece.info.storeTime)
                }
            }
            guard piece.info.size == bytes.count, piece.bytes.elementsEqual(bytes[offset..<(offset + count)]) else {
                return .other(nodeID: writerID, at: piece.info.storeTime)
            }
            offset += count
            (etag, time) = (piece.info.etag, piece.info.storeTime)
        } while offset < bytes.count
        return .mine(at: time)
    }

    private func list(after txid: TXID?) async throws(ObjectStoreError) -> LogListing {
        let start = txid.map(key)
        return try await inTime { () async throws(ObjectStoreError) in
            var request: ListRequest? = ListRequest(prefix: layout.prefix, startAfter: start)
            var digest = ListingDigest()
            while let page = request {
                let answer = try await store.list(page)
                digest.add(answer, layout)
                request = answer.next
            }
            return digest.listing
        }
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

    private func fetch(_ txid: TXID, _ files: inout [LogFile]) async throws(ObjectStoreError) -> LogMachine.Event {
        let object: StoredObject
        do throws(ObjectStoreError) { object = try await get(key(txid), nil, ifMatch: nil) } catch {
            switch error.kind {
            case .notFound: return .absent(at: error.storeTime)
            case .tooLarge: return .tooLarge
            default: throw error
            }
        }
        do throws(LogError) {
            let file = try LogFile(object.bytes, of: txid, key: key(txid))
            files.append(file)
            return .fetched(file.entry, byteCount: file.byteCount, at: object.info.storeTime)
        } catch { return .unreadable(error) }
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
        _ range: ObjectRange?,
        ifMatch: String?
    ) async throws(ObjectStoreError) -> StoredObject {
        try await inTime { () async throws(ObjectStoreError) in
            try await store.get(key, range: range, ifMatch: ifMatch)
        }
    }

    // MARK: Time

    /// Cancels the call at the deadline; the store then says what may have become of it.
    private func inTime<Value: Sendable>(
        _ call: @escaping @Sendable () async throws(ObjectStoreError) -> Value
    ) async throws(ObjectStoreError) -> Value {
        guard let deadline else { return try await call() }
        let left = deadline - clock.elapsed()
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
