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
    /// How long an end that was seen counts.
    private static let seenAgeMax = Duration.seconds(1)
    /// What is read of a file to learn how it begins and ends.
    private static let startCount = 64 << 10

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
        try await run(to: path, by: nil, progress: progress)
    }

    /// The same, by a listing that was just made.
    func run(
        to path: String,
        by listed: NewestListing?,
        progress: RestoreProgress
    ) async throws(LogRestoreError) -> LogStart {
        var listed = listed
        for _ in 0..<Self.attemptsMax {
            let listing = if let listed { listed } else { try await list() }
            listed = nil
            // While the files come that are known, it shows whether there are more.
            let newest = listing.listing.ltx.map(\.maxTXID).max()
            let ahead = newest.map { txid in Task { await lookAhead(behind: txid) } }
            defer { ahead?.cancel() }
            let (plan, last): (RestorePlan, RestoredFile?)
            do throws(RestoreError) {
                (plan, last) = try await Restorer(store, parallelism: parallelism)
                    .restoreLatest(to: path, by: listing.listing, progress: progress)
            } catch { throw .restore(error) }
            // A database of Litestream 0.3 is the beginning of a log that has no file yet.
            guard let last else { return LogStart() }
            let tip = try await tip(of: last)
            let base = plan.objects.first?.key
            if let end = start(at: tip, await ahead?.value, listing.confirmation, base: base) { return end }
            let start = LogStart(tip: tip, confirmation: listing.confirmation, base: base)
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
            case .files(let newer, let sawEnd):
                let files = newer.filter { file in end.map { file.position.txid <= $0 } ?? true }
                guard let last = files.last else { return log.start }
                do throws(FileError) {
                    try await queue.run { () throws(FileError) in try LogFile.apply(files, to: path) }
                } catch { throw .file(error) }
                await log.advance(to: last.position)
                guard !sawEnd, last.position.txid != end, clock.elapsed() < latest else { return log.start }
            }
        }
    }

    /// Lists what the newest state is made of.
    func list() async throws(LogRestoreError) -> NewestListing {
        do throws(ObjectStoreError) {
            return try await NewestListing(of: store, expecting: layout, at: LocalTime(clock))
        } catch { throw .restore(RestoreError(error)) }
    }

    /// Looks whether the log ends with this transaction, before a database is at that place: it saves the time.
    ///
    /// Nil if it goes on, or that cannot be said; then it must be followed.
    func lookAhead(behind txid: TXID) async -> SeenEnd? {
        let local = LocalTime(clock)
        let next = TXID(rawValue: txid.rawValue + 1)
        do throws(ObjectStoreError) {
            let range = ObjectRange(offset: 0, count: Header.size)
            _ = try await store.get(layout.key(level: 0, min: next, max: next), range: range, ifMatch: nil)
            return nil
        } catch {
            guard error.kind == .notFound else { return nil }
            return SeenEnd(txid: txid, confirmation: LogMachine.Confirmation(storeTime: error.storeTime, local: local))
        }
    }

    /// Where to take up the log for a database at `tip`, if what was seen counts for that.
    func start(
        at tip: LogTip,
        _ seen: SeenEnd?,
        _ listed: LogMachine.Confirmation,
        base: String?
    ) -> LogStart? {
        // Only while no name can have come free again, and while it is news: what others write during a long restore is
        // to be in the database too.
        guard let seen, seen.txid == tip.position.txid,
            listed.isNear(seen.confirmation.storeTime, within: timing.window),
            LocalTime(clock).age(since: seen.confirmation.local) <= Self.seenAgeMax
        else { return nil }
        return LogStart(tip: tip, confirmation: seen.confirmation, base: base)
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
        let start: StoredObject
        let end: ArraySlice<UInt8>
        do throws(ObjectStoreError) {
            // Most files are so small that one request has both.
            start = try await store.get(key, range: ObjectRange(offset: 0, count: Self.startCount), ifMatch: nil)
            if start.info.size == start.bytes.count {
                end = start.bytes.suffix(8)
            } else {
                let range = ObjectRange(offset: max(0, start.info.size - 8), count: 8)
                end = try await store.get(key, range: range, ifMatch: start.info.etag).bytes[...]
            }
        } catch {
            guard error.kind == .notFound else { throw .restore(RestoreError(error)) }
            return nil
        }
        let header: Header
        let head = Array(start.bytes.prefix(Header.size))
        do throws(LTXError) { header = try Header(head.span) } catch {
            throw .log(.damaged(key: key, reason: "\(error)"))
        }
        let stored = end.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
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

/// A log that had nothing behind this transaction when it was looked up.
struct SeenEnd: Sendable {
    let txid: TXID
    let confirmation: LogMachine.Confirmation
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
