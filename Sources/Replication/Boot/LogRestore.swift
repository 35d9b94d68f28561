package import Files
package import LTX
package import ObjectStore

/// Brings a database file to the end of the log.
package struct LogRestore: Sendable {
    private let store: any ObjectStore
    private let layout: ReplicaLayout
    private let parallelism: Int
    private let timing: LogTiming
    private let clock: StoreClock
    private let queue = BlockingQueue(label: "boot")

    /// How often it begins again because the log went on faster than it could be followed.
    private static let attemptsMax = 3

    /// How long the end of the log is looked for.
    private static let followingMax = Duration.seconds(3)
    /// How many transactions are applied at a time: only then is the time looked at.
    private static let followingCountMax = 16

    package init(
        _ store: any ObjectStore,
        layout: ReplicaLayout,
        parallelism: Int = Restorer.parallelismDefault,
        timing: LogTiming = LogTiming(),
        clock: StoreClock = .system
    ) {
        (self.store, self.layout, self.parallelism) = (store, layout, parallelism)
        (self.timing, self.clock) = (timing, clock)
    }

    /// Makes the database at `path` of the newest state, in place of what is there, and says where that is in the log.
    ///
    /// No process may have that file open. What fails leaves the old file, or one that no log knows.
    package func run(
        to path: String,
        progress: RestoreProgress = RestoreProgress()
    ) async throws(LogRestoreError) -> LogStart {
        for _ in 0..<Self.attemptsMax {
            let confirmation = try await confirmation()
            let (plan, last): (RestorePlan, RestoredFile?)
            do throws(RestoreError) {
                (plan, last) = try await Restorer(store, parallelism: parallelism)
                    .restoreLatest(to: path, progress: progress)
            } catch { throw .restore(error) }
            // A database of Litestream 0.3 is the beginning of a log that has no file yet.
            guard let last else { return LogStart() }
            let tip = try await tip(of: last)
            let start = LogStart(tip: tip, confirmation: confirmation, base: plan.objects.first?.key)
            if let end = try await follow(path, from: start) { return end }
        }
        throw .tooSlow
    }

    /// Applies what is newer than the database at `path`; nil if that must be restored.
    ///
    /// A listing may be old: only the absence of the next transaction says that this is the end. Beside others who write
    /// without a pause there may be no end for long: then this is near enough, and whoever serves the database goes on.
    /// Nothing newer than `end` is applied.
    package func follow(
        _ path: String,
        from start: LogStart,
        upTo end: TXID? = nil
    ) async throws(LogRestoreError) -> LogStart? {
        var timing = timing
        timing.catchUpCountMax = min(timing.catchUpCountMax, Self.followingCountMax)
        let log = FencedLog(store, layout: layout, from: start, timing: timing, clock: clock)
        let latest = clock.elapsed() + Self.followingMax
        while true {
            let newer: FencedLog.Newer
            do throws(LogError) { newer = try await log.fetchNewer() } catch { throw .log(error) }
            switch newer {
            case .none: return log.start
            case .restore: return nil
            case .files(let newer):
                let files = newer.filter { file in end.map { file.position.txid <= $0 } ?? true }
                guard let last = files.last else { return log.start }
                do throws(FileError) {
                    try await queue.run { () throws(FileError) in try LogFile.apply(files, to: path) }
                } catch { throw .file(error) }
                await log.advance(to: last.position)
                guard last.position.txid != end, clock.elapsed() < latest else { return log.start }
            }
        }
    }

    /// A moment before anything was listed: nothing that comes behind what the listing has had come free by then.
    package func confirmation() async throws(LogRestoreError) -> LogMachine.Confirmation {
        let local = LocalTime(clock)
        do throws(ObjectStoreError) {
            let page = try await store.list(ListRequest(prefix: layout.prefix, limit: 1))
            return LogMachine.Confirmation(storeTime: page.storeTime, local: local)
        } catch { throw .restore(RestoreError(error)) }
    }

    /// Where the database stands that ends with this file.
    private func tip(of last: RestoredFile) async throws(LogRestoreError) -> LogTip {
        guard last.file.level > 0 else {
            return LogTip(position: last.end, timestampMilliseconds: last.header.timestampMilliseconds)
        }
        if let end = try await end(at: last.end.txid) { return end.tip }
        // Nobody removes the newest file of level 0; but if somebody did, its checksum may be here.
        let checksum = last.lastChecksum ?? last.end.fileChecksum
        return LogTip(
            position: Position(txid: last.end.txid, fileChecksum: checksum),
            // Of a snapshot that Litestream made, this is when it was made.
            timestampMilliseconds: last.header.nodeID == 0 ? .min : last.header.timestampMilliseconds
        )
    }

    /// What the first and the last bytes of a transaction's own file say; nil if there is none.
    func end(at txid: TXID) async throws(LogRestoreError) -> LogEnd? {
        let key = layout.key(level: 0, min: txid, max: txid)
        let (start, end): (StoredObject, StoredObject)
        do throws(ObjectStoreError) {
            start = try await store.get(key, range: ObjectRange(offset: 0, count: Header.size), ifMatch: nil)
            let range = ObjectRange(offset: max(0, start.info.size - 8), count: 8)
            end = try await store.get(key, range: range, ifMatch: start.info.etag)
        } catch {
            guard error.kind == .notFound else { throw .restore(RestoreError(error)) }
            return nil
        }
        let header: Header
        do throws(LTXError) { header = try Header(start.bytes.span) } catch {
            throw .log(.damaged(key: key, reason: "\(error)"))
        }
        let stored = end.bytes.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard header.maxTXID == txid, let checksum = Checksum(rawValue: stored) else {
            throw .log(.damaged(key: key, reason: "it does not begin or end as its name says"))
        }
        let tip = LogTip(
            position: Position(txid: txid, fileChecksum: checksum),
            timestampMilliseconds: header.timestampMilliseconds
        )
        return LogEnd(tip: tip, nodeID: header.nodeID)
    }
}

/// Why a database could not be brought to the end of the log.
package enum LogRestoreError: Error, CustomStringConvertible {
    case restore(RestoreError)
    case log(LogError)
    case file(FileError)
    /// The log went on faster than it could be restored.
    case tooSlow

    package var description: String {
        switch self {
        case .restore(let error): "\(error)"
        case .log(let error): "\(error)"
        case .file(let error): "\(error)"
        case .tooSlow: "others write faster than this machine can restore; give it more disk or network"
        }
    }
}

extension LogFile {
    /// Writes the pages of files that follow on each other into the database at `path`, which nobody has open.
    ///
    /// A failure leaves half a database, which must be restored.
    static func apply(_ files: [LogFile], to path: String) throws(FileError) {
        let database = try File(updating: path)
        for file in files {
            try file.apply(to: database)
        }
        try database.sync()
    }

    private func apply(to database: borrowing File) throws(FileError) {
        let pageSize = Int(header.pageSize)
        var decoder = Decoder()
        decoder.feed(bytes)
        // The bytes were read to their end when this file was made.
        while case .some(let step) = try? decoder.next() {
            switch step {
            case .page(let page): try database.write(page.data.span, at: (Int(page.number) - 1) * pageSize)
            case .header, .end: continue
            case .input: return try database.truncate(to: Int(header.commit) * pageSize)
            }
        }
        preconditionFailure("a file that was right is wrong")
    }
}
