internal import Files
internal import LTX
package import ObjectStore

/// Gets a service its database before it listens: from its disk if that is certain to be the end of the log, else from
/// the log.
///
/// Nothing is ever begun anew because a lookup failed.
package struct Boot: Sendable {
    /// What the service goes on with.
    package struct Result: Sendable {
        package let plan: BootPlan
        package let start: LogStart
        package let layout: ReplicaLayout
        /// Where the local database is kept that was not of this log.
        package let asidePath: String?
        /// What the replica held before anything was done.
        package let listing: ReplicaListing
    }

    private let store: any ObjectStore
    private let replicaName: String
    private let layout: ReplicaLayout
    private let path: String
    private let requiresReplica: Bool
    private let parallelism: Int
    private let queue = BlockingQueue(label: "boot")

    /// For the database at `path`, in a folder that is there and locked by this process.
    ///
    /// A new log gets `layout`; one that is there is continued as it is.
    package init(
        _ store: any ObjectStore,
        replicaName: String,
        layout: ReplicaLayout,
        database path: String,
        requiresReplica: Bool = false,
        parallelism: Int = Restorer.parallelismDefault
    ) {
        (self.store, self.replicaName, self.layout, self.path) = (store, replicaName, layout, path)
        (self.requiresReplica, self.parallelism) = (requiresReplica, parallelism)
    }

    /// How the service is to get its database, and what that was decided by.
    package struct Decision: Sendable {
        package let plan: BootPlan
        let layout: ReplicaLayout
        let listed: NewestListing
        /// How far the log went when it was asked for what comes behind the local database.
        let seenEnd: SeenEnd?
    }

    /// When this returns, the database is at `path`, unless it is to be a fresh one, and it has no position record.
    package func run(progress: RestoreProgress = RestoreProgress()) async throws(BootError) -> Result {
        try await run(try await decide(), progress: progress)
    }

    /// Looks at both sides and decides; changes nothing on either.
    ///
    /// - Throws: When the replica cannot be asked, has a gap, or is refused.
    package func decide() async throws(BootError) -> Decision {
        var facts = try await localFacts()
        // What a local database that may be the end of the log will be compared with comes together with the listing.
        let expected = LogRestore(store, layout: layout, parallelism: parallelism)
        let early = facts.candidate.map { txid in
            (
                txid: txid, end: Task { await end(at: txid, expected) },
                seen: Task { await expected.lookAhead(behind: txid) }
            )
        }
        // Where this ends before they are needed.
        defer {
            early?.end.cancel()
            early?.seen.cancel()
        }
        let listed: NewestListing
        do throws(LogRestoreError) { listed = try await expected.list() } catch { throw .restore(error) }
        let layout = listed.listing.ltx.first.flatMap { ReplicaLayout(of: $0.object.key) } ?? layout
        let newest = listed.listing.ltx.map(\.maxTXID).max()
        let isEarly = layout == self.layout && newest != nil && newest == early?.txid
        facts.replica = try await replica(listed.listing, facts) { txid async throws(LogRestoreError) in
            if isEarly, let early { return try await early.end.value.get() }
            return try await LogRestore(store, layout: layout).end(at: txid)
        }
        let plan = BootPlan(facts)
        if case .refuse(let refusal) = plan { throw .refused(refusal) }
        return Decision(plan: plan, layout: layout, listed: listed, seenEnd: isEarly ? await early?.seen.value : nil)
    }

    package func run(
        _ decision: Decision,
        progress: RestoreProgress = RestoreProgress()
    ) async throws(BootError) -> Result {
        let listing = decision.listed.listing
        let restore = LogRestore(store, layout: decision.layout, parallelism: parallelism)
        let result = { (plan: BootPlan, start: LogStart, aside: String?) in
            Result(plan: plan, start: start, layout: decision.layout, asidePath: aside, listing: listing)
        }
        // From here on the file may change.
        try await removeRecord()
        switch decision.plan {
        case .adopt, .fresh, .refuse: return result(decision.plan, LogStart(), nil)
        case .resume(let tip): return result(decision.plan, LogStart(tip: tip, base: base(of: listing)), nil)
        case .useLocal(let tip):
            let (confirmation, base) = (decision.listed.confirmation, base(of: listing))
            if let start = restore.start(at: tip, decision.seenEnd, confirmation, base: base) {
                return result(decision.plan, start, nil)
            }
            do throws(LogRestoreError) {
                let start = LogStart(tip: tip, confirmation: confirmation, base: base)
                if let end = try await restore.follow(path, from: start) { return result(decision.plan, end, nil) }
            } catch { throw .restore(error) }
            // Others have gone on in the meantime, further than can be followed.
            let start = try await make(restore, by: nil, progress)
            return result(.restore(movesAside: false), start, nil)
        case .restore(let movesAside), .restoreGenerations(let movesAside):
            let aside = movesAside ? try await moveAside() : nil
            return result(decision.plan, try await make(restore, by: decision.listed, progress), aside)
        }
    }

    private func make(
        _ restore: LogRestore,
        by listed: NewestListing?,
        _ progress: RestoreProgress
    ) async throws(BootError) -> LogStart {
        let start: LogStart
        do throws(LogRestoreError) { start = try await restore.run(to: path, by: listed, progress: progress) } catch {
            throw .restore(error)
        }
        // What comes of Litestream 0.3 is of this log when that has begun.
        if start.tip != nil { try await claim() }
        return start
    }

    // MARK: Facts

    private func localFacts() async throws(BootError) -> BootFacts {
        try await onQueue { [path, replicaName, requiresReplica] () throws(FileError) in
            BootFacts(
                replica: .empty,
                replicaName: replicaName,
                stamp: try DatabaseStamp(of: path),
                hasLog: try DatabaseStamp.hasLog(path),
                record: try PositionRecord.read(beside: path),
                session: try AsyncSession.read(beside: path),
                origin: try DatabaseOrigin.read(beside: path),
                requiresReplica: requiresReplica
            )
        }
    }

    private func replica(
        _ listing: ReplicaListing,
        _ facts: BootFacts,
        end: (TXID) async throws(LogRestoreError) -> LogEnd?
    ) async throws(BootError) -> BootFacts.Replica {
        guard !listing.isEmpty else { return .empty }
        // A gap shows now, also when the local file would do.
        let plan: RestorePlan
        do throws(RestorePlanError) { plan = try RestorePlan(listing) } catch { throw .restore(.restore(.plan(error))) }
        guard let newest = listing.ltx.map(\.maxTXID).max() else { return .generations }
        if case .generation = plan.steps { return .newerGenerations }
        // Only a local database that may have all of the log is compared with its end.
        guard facts.record != nil || facts.session != nil else { return .log(newest: newest, end: nil) }
        do throws(LogRestoreError) { return .log(newest: newest, end: try await end(newest)) } catch {
            throw .restore(error)
        }
    }

    private func end(at txid: TXID, _ restore: LogRestore) async -> Swift.Result<LogEnd?, LogRestoreError> {
        do throws(LogRestoreError) { return .success(try await restore.end(at: txid)) } catch { return .failure(error) }
    }

    /// The file that a restore begins with.
    private func base(of listing: ReplicaListing) -> String? {
        (try? RestorePlan(listing))?.objects.first?.key
    }

    // MARK: Files

    private func removeRecord() async throws(BootError) {
        try await onQueue { [path] () throws(FileError) in try PositionRecord.remove(beside: path) }
    }

    private func claim() async throws(BootError) {
        try await onQueue { [path, replicaName] () throws(FileError) in
            try DatabaseOrigin.write(replicaName, beside: path)
        }
    }

    /// Gives the local database, and what belongs to it, the first name that is free.
    private func moveAside() async throws(BootError) -> String {
        try await onQueue { [path] () throws(FileError) in
            var aside = "\(path).aside"
            var number = 1
            while try DatabaseStamp.exists(aside) {
                number += 1
                aside = "\(path).aside-\(number)"
            }
            // The database last: whoever is killed in between goes on with the same name.
            for suffix in DatabaseStamp.companions + [""] where try DatabaseStamp.exists(path + suffix) {
                try Files.rename(path + suffix, to: aside + suffix)
            }
            try Files.syncFolder(Files.parent(of: path))
            return aside
        }
    }

    private func onQueue<Value: Sendable>(
        _ body: @escaping @Sendable () throws(FileError) -> Value
    ) async throws(BootError) -> Value {
        do throws(FileError) { return try await queue.run(body) } catch { throw .restore(.file(error)) }
    }
}

/// Why a service has no database to begin with.
package enum BootError: Error, CustomStringConvertible {
    case refused(BootPlan.Refusal)
    case restore(LogRestoreError)

    package var description: String {
        switch self {
        case .refused(let refusal): "\(refusal)"
        case .restore(let error): "the database cannot be restored from its replica: \(error)"
        }
    }
}
