package import LTX

/// Which files make up a database, in the order in which they are applied.
package struct RestorePlan: Equatable, Sendable {
    package enum Target: Equatable, Sendable {
        case latest
        /// The state right after this transaction.
        case txid(TXID)
        /// The state at this time, of which nothing is newer.
        case time(milliseconds: Int64)
        /// The state at the end of this WAL file; Litestream 0.3 only.
        case index(UInt32)
    }

    package enum Steps: Equatable, Sendable {
        /// Merged into one, of each page the newest version.
        case ltx([LTXFile])
        /// A whole database, and WAL files to apply to it, each joined from its segments.
        case generation(snapshot: GenerationFile, segments: [[GenerationFile]])
    }

    package let steps: Steps

    package var objects: [ReplicaObject] {
        switch steps {
        case .ltx(let files): files.map(\.object)
        case .generation(let snapshot, let segments): [snapshot.object] + segments.joined().map(\.object)
        }
    }

    package var byteCount: Int { objects.reduce(0) { $0 + $1.size } }

    /// Chooses as Litestream does; where both formats are there, the newer history.
    ///
    /// A generation or an index is a matter of Litestream 0.3, a TXID one of LTX, whatever else there is.
    package init(
        _ listing: ReplicaListing,
        target: Target = .latest,
        generation: GenerationID? = nil
    ) throws(RestorePlanError) {
        guard !listing.isEmpty else { throw .noReplica }
        var (usesLTX, usesGenerations) = (!listing.ltx.isEmpty, !listing.generations.isEmpty)
        switch target {
        case .txid:
            guard usesLTX else { throw .noTXIDs }
            usesGenerations = false
        case .index: usesLTX = false
        case .latest, .time: usesLTX = usesLTX && generation == nil
        }
        guard usesLTX || !listing.generations.isEmpty else { throw .noGenerations }
        let attempts: [Result<Steps, RestorePlanError>] =
            (usesLTX ? [Self.ltxSteps(listing.ltx, target)] : [])
            + (usesGenerations ? [Self.generationSteps(listing.generations, target, generation)] : [])
        steps = try Self.choice(of: attempts, target, listing).get()
    }

    // MARK: Two formats

    private static func choice(
        of attempts: [Result<Steps, RestorePlanError>],
        _ target: Target,
        _ listing: ReplicaListing
    ) -> Result<Steps, RestorePlanError> {
        guard attempts.count == 2 else { return attempts[0] }
        if case .time = target {
            // The history whose snapshot is nearer to the target; a failure only if there is no other.
            let plans = attempts.compactMap { try? $0.get() }
            if let best = plans.max(by: { startTime($0) < startTime($1) }) { return .success(best) }
        }
        let (ltx, generations) = (listing.ltx.map(\.object), listing.generations.map(\.object))
        let newest = [ltx, generations].map { $0.map(\.timeMilliseconds).max() ?? .min }
        return newest[1] > newest[0] ? attempts[1] : attempts[0]
    }

    private static func startTime(_ steps: Steps) -> Int64 {
        switch steps {
        case .ltx(let files): files[0].createdAtMilliseconds
        case .generation(let snapshot, _): snapshot.object.timeMilliseconds
        }
    }

    // MARK: Litestream 0.3

    private static func generationSteps(
        _ files: [GenerationFile],
        _ target: Target,
        _ generation: GenerationID?
    ) -> Result<Steps, RestorePlanError> {
        let byName = Dictionary(files.map { ($0.name, $0) }) { first, _ in first }
        if let generation, !files.contains(where: { $0.name.generation == generation }) {
            return .failure(.noSuchGeneration(generation))
        }
        let goal: GenerationPlan.Target =
            switch target {
            case .latest, .txid: .latest
            case .time(let time): .time(milliseconds: time)
            case .index(let index): .index(index)
            }
        do throws(GenerationError) {
            let listed = files.map { GenerationPlan.Listed($0.name, timeMilliseconds: $0.object.timeMilliseconds) }
            let plan = try GenerationPlan(listed, target: goal, generation: generation)
            guard let snapshot = byName[plan.snapshot] else { preconditionFailure("a plan of what is not listed") }
            return .success(
                .generation(snapshot: snapshot, segments: plan.segments.map { $0.compactMap { byName[$0] } })
            )
        } catch {
            guard error != .nothingMatches else {
                let times = files.map(\.object.timeMilliseconds)
                return .failure(.outside(earliest: times.min() ?? 0, latest: times.max()))
            }
            return .failure(.generation(error))
        }
    }

    // MARK: LTX

    private static func ltxSteps(_ files: [LTXFile], _ target: Target) -> Result<Steps, RestorePlanError> {
        let reaches: (LTXFile) -> Bool
        switch target {
        case .txid(let txid): reaches = { $0.maxTXID <= txid }
        case .time(let time): reaches = { $0.createdAtMilliseconds < time }
        case .latest, .index: reaches = { _ in true }
        }
        var chosen = files.last { $0.level == ReplicaLayout.snapshotLevel && reaches($0) }.map { [$0] } ?? []
        let files = files.sorted { $0.minTXID < $1.minTXID }
        var best: LTXFile?
        for file in files where file.level != ReplicaLayout.snapshotLevel && reaches(file) {
            if file.minTXID.rawValue > next(chosen) { take(&best, into: &chosen) }
            // Whatever begins behind a hole is of no use; what is there to fill the hole was looked at before.
            guard file.minTXID.rawValue <= next(chosen) else { break }
            if best.map({ isBetter(file, $0) }) ?? true { best = file }
        }
        take(&best, into: &chosen)
        if let error = problem(chosen, files, target, reaches) { return .failure(error) }
        return .success(.ltx(chosen))
    }

    /// The transaction that comes after those of the files.
    private static func next(_ files: [LTXFile]) -> UInt64 { (files.last?.maxTXID.rawValue ?? 0) + 1 }

    private static func take(_ best: inout LTXFile?, into chosen: inout [LTXFile]) {
        defer { best = nil }
        guard let file = best, file.maxTXID.rawValue >= next(chosen) else { return }
        // Whatever begins no earlier is in this one too, such as an old snapshot in a level that goes back to the start.
        while let last = chosen.last, last.minTXID >= file.minTXID { chosen.removeLast() }
        chosen.append(file)
    }

    /// The furthest, of those the longest, of those the most compacted.
    private static func isBetter(_ one: LTXFile, _ other: LTXFile) -> Bool {
        if one.maxTXID != other.maxTXID { return one.maxTXID > other.maxTXID }
        if one.minTXID != other.minTXID { return one.minTXID < other.minTXID }
        return one.level > other.level
    }

    /// Why the files do not lead to the target, if they do not.
    private static func problem(
        _ chosen: [LTXFile],
        _ files: [LTXFile],
        _ target: Target,
        _ reaches: (LTXFile) -> Bool
    ) -> RestorePlanError? {
        let next = next(chosen)
        // A transaction that only a file beyond the target has is not missing: it was compacted with later ones.
        let isHole = !files.contains { $0.minTXID.rawValue <= next && next <= $0.maxTXID.rawValue }
        if isHole, let after = files.first(where: { $0.minTXID.rawValue > next && reaches($0) }) {
            return .gap(from: TXID(rawValue: next), to: TXID(rawValue: after.minTXID.rawValue - 1))
        }
        switch target {
        case .txid(let txid):
            let end = TXID(rawValue: next - 1)
            guard end < txid else { return nil }
            let above = files.map(\.maxTXID).filter { $0 > txid }.min()
            return .notATXID(txid, below: chosen.isEmpty ? nil : end, above: above)
        case .time:
            guard chosen.isEmpty else { return nil }
            return .outside(earliest: files.map(\.createdAtMilliseconds).min() ?? 0, latest: nil)
        case .latest, .index:
            guard chosen.isEmpty else { return nil }
            return .gap(from: TXID(rawValue: 1), to: TXID(rawValue: 1))
        }
    }
}

/// Why there is nothing to restore.
package enum RestorePlanError: Error, Equatable, Sendable {
    /// Nothing of either format is there, and the store is certain of it.
    case noReplica
    /// These transactions are in no file.
    case gap(from: TXID, to: TXID)
    /// No state ends with this transaction; the nearest that can be restored are these.
    case notATXID(TXID, below: TXID?, above: TXID?)
    /// The target is not between these times, in milliseconds; without a latest one, only the start is a bound.
    case outside(earliest: Int64, latest: Int64?)
    case noSuchGeneration(GenerationID)
    /// A TXID is asked of a replica of Litestream 0.3.
    case noTXIDs
    /// A generation or an index is asked of an LTX replica.
    case noGenerations
    case generation(GenerationError)
}
