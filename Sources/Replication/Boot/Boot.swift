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

    /// When this returns, the database is at `path`, unless it is to be a fresh one, and it has no position record.
    package func run(progress: RestoreProgress = RestoreProgress()) async throws(BootError) -> Result {
        let listing: ReplicaListing
        do throws(RestoreError) { listing = try await Restorer(store).list() } catch { throw .restore(.restore(error)) }
        let layout = listing.ltx.first.flatMap { ReplicaLayout(of: $0.object.key) } ?? layout
        let restore = LogRestore(store, layout: layout, parallelism: parallelism)
        let facts = try await facts(listing, restore)
        let plan = BootPlan(facts)
        if case .refuse(let refusal) = plan { throw .refused(refusal) }
        // From here on the file may change.
        try await removeRecord()
        switch plan {
        case .adopt, .fresh, .refuse:
            return Result(plan: plan, start: LogStart(), layout: layout, asidePath: nil, listing: listing)
        case .resume(let tip):
            let start = LogStart(tip: tip, base: base(of: listing))
            return Result(plan: plan, start: start, layout: layout, asidePath: nil, listing: listing)
        case .useLocal(let tip):
            do throws(LogRestoreError) {
                let start = try await restore.follow(path, from: LogStart(tip: tip, base: base(of: listing)))
                if let start {
                    return Result(plan: plan, start: start, layout: layout, asidePath: nil, listing: listing)
                }
            } catch { throw .restore(error) }
            // Others have gone on in the meantime, further than can be followed.
            return try await make(.restore(movesAside: false), restore, layout, listing, progress)
        case .restore, .restoreGenerations: return try await make(plan, restore, layout, listing, progress)
        }
    }

    private func make(
        _ plan: BootPlan,
        _ restore: LogRestore,
        _ layout: ReplicaLayout,
        _ listing: ReplicaListing,
        _ progress: RestoreProgress
    ) async throws(BootError) -> Result {
        let aside = plan.movesAside ? try await moveAside() : nil
        let start: LogStart
        do throws(LogRestoreError) { start = try await restore.run(to: path, progress: progress) } catch {
            throw .restore(error)
        }
        // What comes of Litestream 0.3 is of this log when that has begun.
        if start.tip != nil { try await claim() }
        return Result(plan: plan, start: start, layout: layout, asidePath: aside, listing: listing)
    }

    // MARK: Facts

    private func facts(_ listing: ReplicaListing, _ restore: LogRestore) async throws(BootError) -> BootFacts {
        var facts = try await onQueue { [path, replicaName, requiresReplica] () throws(FileError) in
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
        guard !listing.isEmpty else { return facts }
        // A gap shows now, also when the local file would do.
        let plan: RestorePlan
        do throws(RestorePlanError) { plan = try RestorePlan(listing) } catch { throw .restore(.restore(.plan(error))) }
        guard let newest = listing.ltx.map(\.maxTXID).max() else {
            facts.replica = .generations
            return facts
        }
        if case .generation = plan.steps {
            facts.replica = .newerGenerations
            return facts
        }
        do throws(LogRestoreError) {
            facts.replica = .log(newest: newest, end: try await restore.end(at: newest))
        } catch {
            throw .restore(error)
        }
        return facts
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

extension BootPlan {
    fileprivate var movesAside: Bool {
        switch self {
        case .restore(let movesAside), .restoreGenerations(let movesAside): movesAside
        case .useLocal, .resume, .adopt, .fresh, .refuse: false
        }
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
