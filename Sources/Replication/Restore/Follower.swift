internal import Files
package import LTX
package import ObjectStore
internal import SQLite

/// Keeps a restored database up to date with its replica, for readers only.
///
/// The database is not in WAL mode (its header says so), so each round is one change under SQLite's exclusive lock: other
/// connections see all of it or nothing, and drop what they have cached. How far it has come is in `<db>-txid`, as
/// Litestream keeps it. A round that is cut off by a kill leaves pages of both states; the next start applies the same
/// transactions again before anything else.
package struct Follower: Sendable {
    package enum Event: Sendable {
        case applied(through: TXID, fileCount: Int)
        /// Tried again in the next round.
        case failed(RestoreError)
    }

    private let store: any ObjectStore
    private let place: RestorePlace
    private let queue = BlockingQueue(label: "follow")

    private var markPath: String { "\(place.path)-txid" }

    package init(_ store: any ObjectStore, path: String) {
        self.store = store
        place = RestorePlace(path)
    }

    /// How far the database at the path has come, if it is one that was followed before.
    package func position() async throws(RestoreError) -> TXID? {
        let (path, markPath) = (place.path, markPath)
        let text = try await files { () throws(FileError) -> String? in
            do throws(FileError) {
                _ = try File(reading: path).status()
                return String(decoding: try File(reading: markPath).read(at: 0, count: 17).prefix(16), as: UTF8.self)
            } catch {
                guard error.isMissing else { throw error }
                return nil
            }
        }
        guard let text else { return nil }
        guard let txid = TXID(text) else { throw .damaged(key: markPath, reason: "it is not a transaction") }
        return txid
    }

    /// Makes a database that was just restored ready to be followed.
    package func begin(at txid: TXID) async throws(RestoreError) {
        try await database { connection throws(SQLiteError) in
            _ = try connection.first("PRAGMA journal_mode = DELETE") { $0.text(0) }
        }
        try await mark(txid)
    }

    /// Applies what comes, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - start: How far the database has come.
    ///   - interval: How long to wait before looking again.
    ///   - report: Hears what happened.
    /// - Throws: What trying again does not change: a damaged object, or transactions that are nowhere any more.
    package func follow(
        from start: TXID,
        every interval: Duration,
        report: (Event) -> Void
    ) async throws(RestoreError) {
        var applied = start
        while !Task.isCancelled {
            do throws(RestoreError) {
                let files = try await Self.next(after: applied, in: store)
                if let last = files.last {
                    try await apply(files)
                    applied = last.maxTXID
                    report(.applied(through: applied, fileCount: files.count))
                    continue
                }
            } catch {
                switch error {
                case .cancelled: return
                case .store, .vanished, .database: report(.failed(error))
                default: throw error
                }
            }
            // Cancelled, which the loop looks at.
            try? await Task.sleep(for: interval)
        }
    }

    // MARK: What comes next

    private static let batchCountMax = 256

    /// The files to apply after a transaction, in order; none if there is nothing newer.
    private static func next(
        after applied: TXID,
        in store: any ObjectStore
    ) async throws(RestoreError) -> [LTXFile] {
        var level0: [LTXFile] = []
        do throws(ObjectStoreError) {
            // One of the two is empty, as a rule, and costs next to nothing.
            for layout in ReplicaLayout.allCases {
                let start = layout.key(level: 0, min: applied, max: TXID(rawValue: .max))
                let prefix = String(start.prefix { $0 != "-" }.dropLast(16))
                let page = try await store.list(ListRequest(prefix: prefix, startAfter: start, limit: batchCountMax))
                level0 += ReplicaListing(page.objects.map { ReplicaObject($0) }).ltx
            }
            if level0.isEmpty { return [] }
            let chosen = chain(after: applied, level0)
            if !chosen.isEmpty { return chosen }
            // Level 0 begins later: others have what is missing.
            let all = try await ReplicaListing(of: store).ltx
            let increments = chain(after: applied, all.filter { $0.level != ReplicaLayout.snapshotLevel })
            if !increments.isEmpty { return increments }
            let whole = chain(after: applied, all)
            if !whole.isEmpty { return whole }
        } catch { throw RestoreError(error) }
        let first = level0.map(\.minTXID.rawValue).min() ?? 0
        throw .plan(.gap(from: TXID(rawValue: applied.rawValue + 1), to: TXID(rawValue: first - 1)))
    }

    /// Files that follow on each other without a hole, each reaching as far as possible.
    private static func chain(after applied: TXID, _ files: [LTXFile]) -> [LTXFile] {
        var chosen: [LTXFile] = []
        var end = applied
        while chosen.count < batchCountMax {
            let best = files.filter { $0.minTXID.rawValue <= end.rawValue + 1 && $0.maxTXID > end }
                .max { ($0.maxTXID, $1.minTXID) < ($1.maxTXID, $0.minTXID) }
            guard let best else { break }
            chosen.append(best)
            end = best.maxTXID
        }
        return chosen
    }

    // MARK: Applying

    private struct Pages: Sendable {
        let header: Header
        let numbers: [UInt32]
        /// Their contents, in this order.
        let spool: WorkFile
    }

    private func apply(_ files: [LTXFile]) async throws(RestoreError) {
        // Before anybody is locked out: the store may take its time.
        let pages = try await fetch(files)
        try await database { connection throws(SQLiteError) in
            let stored = try connection.first("PRAGMA page_size") { $0.integer(0) } ?? 0
            guard stored == Int64(pages.header.pageSize) else { throw .unreadable("its pages have another size") }
            try connection.lockFile()
            do throws(SQLiteError) {
                try Self.replace(pages, connection)
                try connection.rollback()
            } catch {
                try? connection.rollback()
                throw error
            }
        }
        try await mark(pages.header.maxTXID)
    }

    private func fetch(_ files: [LTXFile]) async throws(RestoreError) -> Pages {
        let place = place
        let spool = try await queue.run { () throws(RestoreError) in try place.takeSpool() }
        let ahead = FetchAhead(sizes: files.map(\.object.size), parallelism: 4)
        let permits = Permits(4)
        let readers = files.map { ObjectReader($0.object, in: store, ahead, permits) }
        defer { for reader in readers { reader.cancel() } }
        var merge = LTXMerge(files: files)
        var numbers: [UInt32] = []
        while true {
            switch try merge.next() {
            case .input(let file): try merge.feed(try await readers[file].next(), file: file)
            case .header: break
            case .page(let page):
                let offset = numbers.count * page.data.count
                try await self.files { () throws(FileError) in try spool.write(page.data.span, at: offset) }
                numbers.append(page.number)
            case .end:
                guard let header = merge.header else { preconditionFailure("an end without a beginning") }
                return Pages(header: header, numbers: numbers, spool: spool)
            }
        }
    }

    private static func replace(_ pages: Pages, _ connection: Connection) throws(SQLiteError) {
        let size = Int(pages.header.pageSize)
        var first = [UInt8](repeating: 0, count: size)
        try connection.readDatabase(at: 0, into: &first)
        // Nobody may take what he has cached for what is there now.
        let counter = first[24..<28].reduce(0 as UInt32) { $0 << 8 | UInt32($1) } &+ 1
        for (index, number) in pages.numbers.enumerated() {
            let data: [UInt8]
            do { data = try pages.spool.read(at: index * size, count: size) } catch { throw .unreadable("\(error)") }
            if number == 1 { first = data } else { try connection.replaceDatabase(at: (Int(number) - 1) * size, data) }
        }
        // Not in WAL mode, so that no reader looks for a log.
        (first[18], first[19]) = (1, 1)
        for index in 0..<4 { first[24 + index] = UInt8(truncatingIfNeeded: counter >> (24 - 8 * UInt32(index))) }
        try connection.replaceDatabase(at: 0, first)
        try connection.finishReplacing(size: Int(pages.header.commit) * size)
    }

    // MARK: Pieces

    private func mark(_ txid: TXID) async throws(RestoreError) {
        let markPath = markPath
        try await files { () throws(FileError) in
            let temporary = "\(markPath).tmp"
            try Files.removeIfPresent(temporary)
            let file = try File(creating: temporary)
            try file.write(Array("\(txid)\n".utf8).span)
            try file.sync()
            try Files.rename(temporary, to: markPath)
            try Files.syncFolder(Files.parent(of: markPath))
        }
    }

    private func database(
        _ body: @escaping @Sendable (Connection) throws(SQLiteError) -> Void
    ) async throws(RestoreError) {
        let path = place.path
        do throws(SQLiteError) {
            try await queue.run { () throws(SQLiteError) in try body(Connection(path, .replacing)) }
        } catch { throw .database(error) }
    }

    private func files<Value: Sendable>(
        _ body: @escaping @Sendable () throws(FileError) -> Value
    ) async throws(RestoreError) -> Value {
        guard !Task.isCancelled else { throw .cancelled }
        do throws(FileError) { return try await queue.run(body) } catch { throw .file(error) }
    }
}
