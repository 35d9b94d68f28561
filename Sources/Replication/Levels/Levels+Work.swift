internal import LTX
internal import ObjectStore
internal import Synchronization

/// The steps, each of which may fail or be cut off anywhere.
///
/// What is known of the replica changes only once the store has what a step was to bring.
extension Levels {
    func perform(_ work: LevelWork) async throws(LevelError) {
        switch work {
        case .list: try await list()
        case .inspect(let level, let files): try await inspect(level, files)
        case .compact(let level, let files): try await compact(into: level, files)
        case .snapshot: try await snapshot()
        case .delete(let level, let files): try await delete(level, files)
        }
    }

    // MARK: Looking

    private func list() async throws(LevelError) {
        let isHopeless = machine.withLock { machine in
            defer { machine.hasListedForHole = machine.isListed && !machine.hasListedForHole }
            return machine.hasListedForHole
        }
        guard !isHopeless else { throw .gap }
        let found: [ObjectInfo]
        do throws(ObjectStoreError) { found = try await store.listAll(layout.prefix) } catch { throw LevelError(error) }
        let objects = found.filter { layout.parse($0.key) != nil }.map { ReplicaObject($0) }
        machine.withLock { $0.adopt(LevelState(ReplicaListing(objects))) }
    }

    private func inspect(_ level: Int, _ files: [LevelFile]) async throws(LevelError) {
        try await inParallel(files) { file throws(LevelError) in
            var file = file
            file.facts = try await self.facts(of: file, level)
            let known = file
            self.machine.withLock { $0.state.add(known, level: level) }
        }
    }

    /// From the header, and for a level-0 file also from its end.
    private func facts(of file: LevelFile, _ level: Int) async throws(LevelError) -> LevelFile.Facts {
        let key = key(level, file)
        let (start, last): (StoredObject, StoredObject?)
        do throws(ObjectStoreError) {
            start = try await store.get(key, range: ObjectRange(offset: 0, count: Header.size), ifMatch: nil)
            let end = ObjectRange(offset: max(0, start.info.size - Self.checksumSize), count: Self.checksumSize)
            last = level == 0 ? try await store.get(key, range: end, ifMatch: start.info.etag) : nil
        } catch { throw LevelError(error) }
        let header = try Self.header(start.bytes, file, key)
        let named = header.linkedChecksum
        guard let last else {
            return LevelFile.Facts(timestampMilliseconds: header.timestampMilliseconds, end: named)
        }
        return LevelFile.Facts(
            timestampMilliseconds: header.timestampMilliseconds,
            predecessor: named,
            end: Checksum(rawValue: last.bytes.reduce(0) { $0 << 8 | UInt64($1) })
        )
    }

    private static func header(_ bytes: [UInt8], _ file: LevelFile, _ key: String) throws(LevelError) -> Header {
        let header: Header
        do throws(LTXError) { header = try Header(bytes.span) } catch { throw .damaged(key: key, reason: "\(error)") }
        guard header.minTXID == file.minTXID, header.maxTXID == file.maxTXID else {
            let reason = "inside, it has the transactions \(header.minTXID)-\(header.maxTXID)"
            throw .damaged(key: key, reason: reason)
        }
        return header
    }

    // MARK: Making

    private func compact(into level: Int, _ files: [LevelFile]) async throws(LevelError) {
        guard let first = files.first, let last = files.last, let facts = last.facts else {
            preconditionFailure("nothing to compact, or nothing known of it")
        }
        try checkChain(files, level - 1)
        let inputs = machine.withLock { machine in
            files.map { file in
                let key = key(level - 1, file)
                return MergeStream.Input(key: key, file: file, bytes: machine.cache[key])
            }
        }
        let merge = MergeStream(inputs, in: store, end: facts.end, parallelism: limits.parallelism)
        let target = layout.key(level: level, min: first.minTXID, max: last.maxTXID)
        let stored: Stored
        do throws(LevelError) {
            stored = try await upload(target, merge, first.minTXID, last.maxTXID, facts.timestampMilliseconds)
        } catch {
            await merge.cancel()
            throw error
        }
        let file = LevelFile(
            minTXID: first.minTXID,
            maxTXID: last.maxTXID,
            size: stored.size,
            uploadedMilliseconds: stored.timeMilliseconds,
            facts: LevelFile.Facts(timestampMilliseconds: facts.timestampMilliseconds, end: facts.end)
        )
        machine.withLock { machine in
            machine.state.add(file, level: level)
            machine.state.noteStoreTime(stored.storeMilliseconds)
            machine.cache.remove(inputs.map(\.key))
            // The level above will want it, if there is one.
            if let bytes = stored.bytes, level < planner.levelMax { machine.cache.add(bytes, target) }
        }
        report(.compacted(level: level, minTXID: file.minTXID, maxTXID: file.maxTXID, byteCount: file.size))
    }

    /// Level-0 files that name the file before them have to follow on it: others are of another history.
    private func checkChain(_ files: [LevelFile], _ level: Int) throws(LevelError) {
        guard level == 0 else { return }
        for (before, after) in zip(files, files.dropFirst()) {
            guard let end = before.facts?.end, let named = after.facts?.predecessor, named != end else { continue }
            throw .damaged(
                key: key(level, after),
                reason: "it follows on a file with the checksum \(named), and the one before it has \(end)"
            )
        }
    }

    private func snapshot() async throws(LevelError) {
        let taken: Snapshot?
        do { taken = try await takeSnapshot() } catch {
            throw Task.isCancelled ? .cancelled : .snapshot(error)
        }
        guard let snapshot = taken else { throw .snapshot(SnapshotUnavailable()) }
        let header = snapshot.header
        let key = layout.key(level: ReplicaLayout.snapshotLevel, min: header.minTXID, max: header.maxTXID)
        let stored = try await upload(
            key,
            snapshot.source,
            header.minTXID,
            header.maxTXID,
            header.timestampMilliseconds
        )
        let file = LevelFile(
            minTXID: header.minTXID,
            maxTXID: header.maxTXID,
            size: stored.size,
            uploadedMilliseconds: stored.timeMilliseconds,
            facts: LevelFile.Facts(timestampMilliseconds: header.timestampMilliseconds, end: header.linkedChecksum)
        )
        machine.withLock { machine in
            machine.state.add(file, level: ReplicaLayout.snapshotLevel)
            machine.state.noteStoreTime(stored.storeMilliseconds)
        }
        report(.snapshotTaken(file.maxTXID, byteCount: file.size))
    }

    // MARK: Storing

    private struct Stored {
        let size: Int
        /// When the object came, or some time after that.
        let timeMilliseconds: Int64
        let storeMilliseconds: Int64?
        /// What this call has stored, if it was all in memory.
        let bytes: [UInt8]?
    }

    private func upload(
        _ key: String,
        _ source: any ByteSource,
        _ minTXID: TXID,
        _ maxTXID: TXID,
        _ timestampMilliseconds: Int64
    ) async throws(LevelError) -> Stored {
        let timestamp = StoreTime(unixMilliseconds: timestampMilliseconds)
        let start = try await read(source, limits.createBytesMax)
        let (size, storeTime): (Int, StoreTime?)
        if start.count < limits.createBytesMax {
            (size, storeTime) = try await create(key, start, minTXID, maxTXID, timestamp)
        } else {
            // Without a condition: whoever is there first has put the same bytes.
            let whole = CountedSource(start, source)
            do throws(ObjectStoreError) {
                storeTime = try await store.put(key, from: whole, timestamp: timestamp).storeTime
            } catch {
                throw await whole.failure ?? LevelError(error)
            }
            size = await whole.count
        }
        let time = storeTime ?? clock.now()
        return Stored(
            size: size,
            timeMilliseconds: time.unixMilliseconds,
            storeMilliseconds: storeTime?.unixMilliseconds,
            bytes: start.count == size ? start : nil
        )
    }

    private func read(_ source: any ByteSource, _ count: Int) async throws(LevelError) -> [UInt8] {
        do { return try await source.read(count) } catch let error as LevelError { throw error } catch {
            throw Task.isCancelled ? .cancelled : .snapshot(error)
        }
    }

    private func create(
        _ key: String,
        _ bytes: [UInt8],
        _ minTXID: TXID,
        _ maxTXID: TXID,
        _ timestamp: StoreTime
    ) async throws(LevelError) -> (size: Int, storeTime: StoreTime?) {
        do throws(ObjectStoreError) {
            return (bytes.count, try await store.createIfAbsent(key, bytes, timestamp: timestamp).storeTime)
        } catch {
            guard error.kind == .exists else { throw LevelError(error) }
            // Another instance's, or our own that seemed to fail. Files will be removed because of it.
            let size = try await verify(key, minTXID, maxTXID)
            return (size, error.storeTime)
        }
    }

    /// Reads a file to its end, and returns its size.
    private func verify(_ key: String, _ minTXID: TXID, _ maxTXID: TXID) async throws(LevelError) -> Int {
        var check = FileCheck(minTXID, maxTXID)
        let info: ObjectInfo
        do throws(ObjectStoreError) {
            info = try await store.read(key) { piece async throws(ObjectStoreError) in check.feed(piece) }
        } catch { throw LevelError(error) }
        if let reason = check.finish() { throw .damaged(key: key, reason: reason) }
        return info.size
    }

    // MARK: Removing

    private func delete(_ level: Int, _ files: [LevelFile]) async throws(LevelError) {
        guard let last = files.last else { return }
        try await inParallel(files) { file throws(LevelError) in
            do throws(ObjectStoreError) {
                let receipt = try await self.store.delete(self.key(level, file))
                self.machine.withLock { $0.state.noteStoreTime(receipt.storeTime?.unixMilliseconds) }
            } catch { throw LevelError(error) }
        }
        try await checkIsGone(key(level, last))
        if level == ReplicaLayout.snapshotLevel { try await forgetPoints(without: files) }
        machine.withLock { machine in
            machine.state.remove(files, level: level)
            if level == 0, files.count < LevelPlanner.batchCountMax {
                machine.state.level0CheckedMilliseconds =
                    machine.state.storeMilliseconds ?? clock.now().unixMilliseconds
            }
        }
        report(.deleted(level: level, fileCount: files.count))
    }

    /// Removes the restore points that led to snapshots which are gone.
    private func forgetPoints(without snapshots: [LevelFile]) async throws(LevelError) {
        var left = machine.withLock { $0.state }
        left.remove(snapshots, level: ReplicaLayout.snapshotLevel)
        guard let oldest = left.oldestRestorable else { return }
        let points = RestorePoints(store)
        do throws(ObjectStoreError) {
            var known: [RestorePoints.Point]
            if let listed = machine.withLock({ $0.points }) { known = listed } else { known = try await points.all() }
            for point in known where point.txid < oldest { try await points.remove(point) }
            known.removeAll { $0.txid < oldest }
            machine.withLock { [known] in $0.points = known }
        } catch { throw LevelError(error) }
    }

    /// Some stores say that they removed something and have not.
    private func checkIsGone(_ key: String) async throws(LevelError) {
        do throws(ObjectStoreError) { _ = try await store.head(key) } catch {
            guard error.kind != .notFound else { return }
            throw LevelError(error)
        }
        throw .notDeleted(key: key)
    }

    // MARK: Pieces

    private func key(_ level: Int, _ file: LevelFile) -> String {
        layout.key(level: level, min: file.minTXID, max: file.maxTXID)
    }

    /// Runs `body` for each, a few at a time, and throws what went wrong first.
    private func inParallel(
        _ files: [LevelFile],
        _ body: @escaping @Sendable (LevelFile) async throws(LevelError) -> Void
    ) async throws(LevelError) {
        let permits = Permits(limits.parallelism)
        let failure = await withTaskGroup(of: LevelError?.self) { group in
            for file in files {
                group.addTask {
                    await permits.run {
                        guard !Task.isCancelled else { return .cancelled }
                        do throws(LevelError) { try await body(file) } catch { return error }
                        return nil
                    }
                }
            }
            var first: LevelError?
            for await failure in group where first == nil {
                first = failure
                if failure != nil { group.cancelAll() }
            }
            return first
        }
        if let failure { throw failure }
    }

    private static let checksumSize = 8
}

/// The database cannot be pinned at a durable transaction at this moment.
struct SnapshotUnavailable: Error, CustomStringConvertible {
    let description = "the database is not at a durable transaction"
}
