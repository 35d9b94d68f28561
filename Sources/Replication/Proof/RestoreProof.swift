package import Files
package import LTX
package import ObjectStore

/// A restore that is done to see that it can be done.
///
/// The newest state is restored to a file that is removed again, looked at by SQLite, and compared page by page with the
/// database that the replica is a copy of, at the same transaction.
package struct RestoreProof: Sendable {
    package struct Result: Sendable, Equatable {
        /// Nil for a replica of Litestream 0.3.
        package let txid: TXID?
        /// The size of the database.
        package let byteCount: Int
        package let comparison: Comparison

        /// The same, where it turned out that what was compared with did not stand still.
        package func uncompared(_ reason: String) -> Self {
            Self(txid: txid, byteCount: byteCount, comparison: .none(reason))
        }
    }

    package enum Comparison: Sendable, Equatable {
        case same
        /// There was nothing to compare with, for this reason.
        case none(String)
    }

    /// The database that the replica is a copy of.
    package enum Original: Sendable {
        case none(String)
        /// A file that nobody writes, and where in the log it is.
        case file(path: String, TXID)
        /// One that is in use: what gives the state after its newest transaction, if that can be had now.
        case live(@Sendable () async throws -> Snapshot?)
    }

    private let store: any ObjectStore
    private let path: String
    private let parallelism: Int
    private let queue = BlockingQueue(label: "proof")

    /// How often the live database is asked for a state that the restored one can be brought to.
    private static let attemptsMax = 5
    private static let pieceBytes = 1 << 20

    /// The file goes to `path` while it is needed; what is there is replaced.
    package init(_ store: any ObjectStore, at path: String, parallelism: Int = 4) {
        (self.store, self.path, self.parallelism) = (store, path, parallelism)
    }

    /// Removes what a proof has left that was killed.
    package static func removeLeftovers(at path: String) throws(FileError) {
        for suffix in ["", "-wal", "-shm", ".restoring"] { try Files.removeIfPresent(path + suffix) }
    }

    /// Restores, looks and compares; the file is gone when this returns, however it ends.
    package func run(against original: Original) async throws(RestoreProofError) -> Result {
        let result: Swift.Result<Result, RestoreProofError>
        do throws(RestoreProofError) { result = .success(try await prove(against: original)) } catch {
            result = .failure(error)
        }
        do throws(FileError) {
            try await queue.run { [path] () throws(FileError) in try Self.removeLeftovers(at: path) }
        } catch { throw .file(error) }
        return try result.get()
    }

    private func prove(against original: Original) async throws(RestoreProofError) -> Result {
        let listing: ReplicaListing
        do throws(RestoreError) { listing = try await Restorer(store).list() } catch { throw .restore(error) }
        guard let layout = listing.ltx.first.flatMap({ ReplicaLayout(of: $0.object.key) }) else {
            return try await proveGenerations()
        }
        let restore = LogRestore(store, layout: layout, parallelism: parallelism)
        let start: LogStart
        do throws(LogRestoreError) { start = try await restore.run(to: path) } catch { throw .log(error) }
        let (txid, comparison) = try await compare(start, restore, with: original)
        return Result(txid: txid, byteCount: try await check(), comparison: comparison)
    }

    private func proveGenerations() async throws(RestoreProofError) -> Result {
        do throws(RestoreError) {
            _ = try await Restorer(store, parallelism: parallelism).restore(to: path, check: .none, isForced: true)
        } catch { throw .restore(error) }
        let reason = "replicas of Litestream 0.3 do not name their transactions"
        return Result(txid: nil, byteCount: try await check(), comparison: .none(reason))
    }

    /// All that SQLite can find, and the size.
    private func check() async throws(RestoreProofError) -> Int {
        let problems = await IntegrityCheck.full.problems(of: path, on: queue)
        guard problems.isEmpty else { throw .integrity(problems) }
        guard !Task.isCancelled else { throw .restore(.cancelled) }
        do throws(FileError) {
            return try await queue.run { [path] () throws(FileError) in try Files.size(of: path) ?? 0 }
        } catch { throw .file(error) }
    }

    // MARK: Comparing

    private func compare(
        _ start: LogStart,
        _ restore: LogRestore,
        with original: Original
    ) async throws(RestoreProofError) -> (TXID?, Comparison) {
        let txid = start.tip?.position.txid
        switch original {
        case .none(let reason): return (txid, .none(reason))
        case .file(let original, let originalTXID):
            guard let txid, txid >= originalTXID else { throw .behind(replica: txid, database: originalTXID) }
            guard txid == originalTXID else {
                return (txid, .none("the database here is at transaction \(originalTXID), which is older"))
            }
            try await queue.run { [path] () throws(RestoreProofError) in try Self.compare(path, withFile: original) }
            return (txid, .same)
        case .live(let state): return try await compare(start, restore, withLive: state)
        }
    }

    private func compare(
        _ start: LogStart,
        _ restore: LogRestore,
        withLive state: @Sendable () async throws -> Snapshot?
    ) async throws(RestoreProofError) -> (TXID?, Comparison) {
        var start = start
        for _ in 0..<Self.attemptsMax {
            let snapshot: Snapshot?
            do { snapshot = try await state() } catch { throw .unreadable("\(error)") }
            guard let snapshot else { continue }
            // What the live database has is in the log; what others have added since, it may lack.
            start = try await follow(restore, from: start, upTo: snapshot.header.maxTXID)
            guard start.tip?.position.txid == snapshot.header.maxTXID else { continue }
            do {
                try await compare(with: snapshot)
                return (start.tip?.position.txid, .same)
            } catch PageImageError.unwanted {
                continue
            } catch let error as RestoreProofError { throw error } catch { throw .unreadable("\(error)") }
        }
        return (start.tip?.position.txid, .none("the database did not stand still for long enough"))
    }

    private func follow(
        _ restore: LogRestore,
        from start: LogStart,
        upTo end: TXID
    ) async throws(RestoreProofError) -> LogStart {
        guard let txid = start.tip?.position.txid, txid < end else { return start }
        do throws(LogRestoreError) {
            guard let start = try await restore.follow(path, from: start, upTo: end) else { throw .tooSlow }
            return start
        } catch { throw .log(error) }
    }

    private func compare(with snapshot: Snapshot) async throws {
        let header = snapshot.header
        var comparison = try PageComparison(path, pageSize: Int(header.pageSize), pageCount: Int(header.commit))
        var decoder = Decoder()
        while true {
            switch try decoder.next() {
            case .input: decoder.feed(try await snapshot.source.read(Self.pieceBytes))
            case .header: continue
            case .page(let page): try comparison.compare(page.number, page.data)
            case .end: return try comparison.finish()
            }
        }
    }

    private static func compare(_ path: String, withFile original: String) throws(RestoreProofError) {
        let file = try RestoreProofError.ofFile { () throws(FileError) in try File(reading: original) }
        let (size, head) = try RestoreProofError.ofFile { () throws(FileError) in
            (try file.status().size, try file.read(at: 0, count: 100))
        }
        let stored = head.count < 100 ? 0 : Int(head[16]) << 8 | Int(head[17])
        let pageSize = stored == 1 ? 65_536 : stored
        guard pageSize >= 512, size % pageSize == 0 else { throw .unreadable("\(original) is no database") }
        var comparison = try PageComparison(path, pageSize: pageSize, pageCount: size / pageSize)
        for number in 1...UInt32(size / pageSize) {
            let page = try RestoreProofError.ofFile { () throws(FileError) in
                try file.read(at: (Int(number) - 1) * pageSize, count: pageSize)
            }
            try comparison.compare(number, page)
        }
        try comparison.finish()
    }
}
