internal import Files
package import LTX
package import ObjectStore
internal import Synchronization

/// How far a restore has come; read by anybody at any time.
package final class RestoreProgress: Sendable {
    package enum Phase: Sendable, Equatable { case listing, fetching, checking }

    package struct State: Sendable, Equatable {
        package internal(set) var phase = Phase.listing
        package internal(set) var bytesFetched = 0
        package internal(set) var bytesPlanned = 0
    }

    private let current = Mutex(State())

    package init() {}

    package var state: State { current.withLock { $0 } }

    func begin(bytesPlanned: Int) {
        current.withLock { $0 = State(phase: .fetching, bytesPlanned: bytesPlanned) }
    }

    func add(_ bytes: Int) { current.withLock { $0.bytesFetched += bytes } }

    func check() { current.withLock { $0.phase = .checking } }
}

/// Rebuilds a database from its replica.
///
/// It is made in a file beside its place, `<name>.restoring`, and gets its name when it is complete, checked and on the
/// disk. Whatever fails before that leaves the place as it was.
package struct Restorer: Sendable {
    private let store: any ObjectStore
    private let parallelism: Int
    private let queue = BlockingQueue(label: "restore")

    /// So many requests at a time, which is as many connections as the stores' clients have.
    ///
    /// Thousands of small objects take as long as their requests wait for answers. How much of large ones is under way is
    /// bounded by memory, at fewer requests.
    package static let parallelismDefault = 32

    /// How often a plan is made again because retention has removed a part of it.
    private static let attemptsMax = 5

    package init(_ store: any ObjectStore, parallelism: Int = parallelismDefault) {
        precondition(parallelism > 0, "nothing would be fetched")
        (self.store, self.parallelism) = (store, parallelism)
    }

    // MARK: Planning

    /// Lists what there is, in whichever format.
    package func list() async throws(RestoreError) -> ReplicaListing {
        do throws(ObjectStoreError) { return try await ReplicaListing(of: store) } catch { throw RestoreError(error) }
    }

    /// Chooses what to restore, by a listing that is given or made now.
    package func plan(
        _ target: RestorePlan.Target = .latest,
        generation: GenerationID? = nil,
        by listing: ReplicaListing? = nil
    ) async throws(RestoreError) -> RestorePlan {
        var listing = if let listing { listing } else { try await list() }
        if case .time = target { try await readTimes(&listing) }
        do throws(RestorePlanError) {
            return try RestorePlan(listing, target: target, generation: generation)
        } catch { throw .plan(error) }
    }

    /// When this transaction was, if a file ends with it and can be read.
    package func time(of txid: TXID) async -> StoreTime? {
        guard case .ltx(let files)? = try? await plan(.txid(txid)).steps, let last = files.last,
            case .success(let milliseconds?) = await Self.readTime(last, store)
        else { return nil }
        return StoreTime(unixMilliseconds: milliseconds)
    }

    /// Fills in what only the files themselves know: when their last transaction was.
    ///
    /// A file that is gone by now is gone from the listing too.
    private func readTimes(_ listing: inout ReplicaListing) async throws(RestoreError) {
        let files = listing.ltx
        let permits = Permits(parallelism)
        let times = await withTaskGroup { group in
            for (index, file) in files.enumerated() {
                group.addTask { [store] in
                    await (index, permits.run { await Self.readTime(file, store) })
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        listing.ltx = []
        for (index, file) in files.enumerated() {
            guard let time = try times[index]?.get() else { continue }
            var file = file
            file.createdAtMilliseconds = time
            listing.ltx.append(file)
        }
    }

    /// Nil if there is no such file any more.
    private static func readTime(_ file: LTXFile, _ store: any ObjectStore) async -> Result<Int64?, RestoreError> {
        do throws(ObjectStoreError) {
            let range = ObjectRange(offset: 0, count: Header.size)
            let start = try await store.get(file.object.key, range: range, ifMatch: nil)
            do throws(LTXError) {
                guard start.bytes.count == Header.size else {
                    return .failure(.damaged(key: file.object.key, reason: "it is cut off"))
                }
                return .success(try Header(start.bytes.span).timestampMilliseconds)
            } catch { return .failure(.damaged(key: file.object.key, reason: "\(error)")) }
        } catch {
            switch error.kind {
            case .notFound: return .success(nil)
            case .outOfRange: return .failure(.damaged(key: file.object.key, reason: "it is empty"))
            default: return .failure(RestoreError(error))
            }
        }
    }

    // MARK: Restoring

    /// Restores to `path`, and returns what it was made of.
    ///
    /// If forced, it replaces a database that is there; no process may have that one open.
    package func restore(
        to path: String,
        _ target: RestorePlan.Target = .latest,
        generation: GenerationID? = nil,
        check: IntegrityCheck = .quick,
        isForced: Bool = false,
        progress: RestoreProgress = RestoreProgress()
    ) async throws(RestoreError) -> RestorePlan {
        try await make(path, target, generation, check, isForced, progress).plan
    }

    /// Restores the newest state to `path`, in place of what is there, and says which file it ends with.
    ///
    /// That is nil for a replica of Litestream 0.3. `listing` is what the replica held a moment ago.
    func restoreLatest(
        to path: String,
        by listing: ReplicaListing,
        progress: RestoreProgress
    ) async throws(RestoreError) -> (plan: RestorePlan, last: RestoredFile?) {
        try await make(path, .latest, nil, .quick, true, progress, by: listing)
    }

    private func make(
        _ path: String,
        _ target: RestorePlan.Target,
        _ generation: GenerationID?,
        _ check: IntegrityCheck,
        _ isForced: Bool,
        _ progress: RestoreProgress,
        by listing: ReplicaListing? = nil
    ) async throws(RestoreError) -> (plan: RestorePlan, last: RestoredFile?) {
        let place = RestorePlace(path)
        if !isForced { try await onQueue { () throws(RestoreError) in try place.checkIsFree() } }
        var lastFailure: ObjectStoreError?
        var listing = listing
        for _ in 0..<Self.attemptsMax {
            do throws(RestoreError) {
                // Before anything is made on the disk: most failures are those of planning.
                let plan = try await plan(target, generation: generation, by: listing)
                listing = nil
                progress.begin(bytesPlanned: plan.byteCount)
                return (plan, try await restore(plan, to: place, check, isForced, progress))
            } catch {
                guard case .vanished(let failure) = error else { throw error }
                lastFailure = failure
            }
        }
        guard let lastFailure else { preconditionFailure("no attempt was made") }
        throw .vanished(lastFailure)
    }

    private func restore(
        _ plan: RestorePlan,
        to place: RestorePlace,
        _ check: IntegrityCheck,
        _ isForced: Bool,
        _ progress: RestoreProgress
    ) async throws(RestoreError) -> RestoredFile? {
        let file = try await onQueue { () throws(RestoreError) in try place.take() }
        do throws(RestoreError) {
            var database = DatabaseFile(file, queue)
            let last = try await write(plan, to: &database, place, progress)
            try await database.finish()
            progress.check()
            // The disk works while SQLite reads from memory what was just written.
            async let synced: Void = database.sync()
            let problems = await check.problems(of: file.path, on: queue)
            guard !Task.isCancelled else { throw .cancelled }
            do { try await synced } catch { throw error as? RestoreError ?? .cancelled }
            guard problems.isEmpty else { throw .integrity(problems) }
            guard !Task.isCancelled else { throw .cancelled }
            try await onQueue { () throws(RestoreError) in try place.put(isForced: isForced) }
            return last
        } catch {
            // What went wrong first is the news, and nothing can be done about this.
            await queue.run { try? Files.removeIfPresent(file.path) }
            throw error
        }
    }

    private func write(
        _ plan: RestorePlan,
        to database: inout DatabaseFile,
        _ place: RestorePlace,
        _ progress: RestoreProgress
    ) async throws(RestoreError) -> RestoredFile? {
        switch plan.steps {
        case .ltx(let files):
            let restore = LTXRestore(store: store, files: files, parallelism: parallelism, progress: progress)
            return try await restore.write(to: &database)
        case .generation(let snapshot, let segments):
            let spool = try await onQueue { () throws(RestoreError) in try place.takeSpool() }
            let restore = GenerationRestore(
                store: store,
                snapshot: snapshot,
                segments: segments,
                parallelism: parallelism,
                progress: progress,
                spool: spool,
                queue: queue
            )
            try await restore.write(to: &database)
            return nil
        }
    }

    private func onQueue<Value: Sendable>(
        _ body: @escaping @Sendable () throws(RestoreError) -> Value
    ) async throws(RestoreError) -> Value {
        guard !Task.isCancelled else { throw .cancelled }
        return try await queue.run(body)
    }
}
