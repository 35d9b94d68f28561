/// Which objects of a Litestream 0.3 replica make up a database, in the order in which they are applied.
package struct GenerationPlan: Equatable, Sendable {
    /// An object and when the store received it: the format has no other clock.
    package struct Listed: Hashable, Sendable {
        package let object: GenerationObject
        package let timeMilliseconds: Int64

        package init(_ object: GenerationObject, timeMilliseconds: Int64) {
            self.object = object
            self.timeMilliseconds = timeMilliseconds
        }
    }

    package enum Target: Equatable, Sendable {
        case latest
        /// The state at this time, which must lie between a generation's first and last object.
        case time(milliseconds: Int64)
        /// The state at the end of this WAL file.
        case index(UInt32)
    }

    package let snapshot: GenerationObject
    /// The segments of each WAL file, the files in order and without gaps.
    package let segments: [[GenerationObject]]

    /// Chooses as Litestream 0.3 does, and refuses gaps that show in the names.
    ///
    /// Without `generation` it is the one with the newest object, of those that reach the target. Of equal times the
    /// higher index decides, then the name: the same listing always gives the same plan.
    package init(
        _ listing: [Listed],
        target: Target = .latest,
        generation: GenerationID? = nil
    ) throws(GenerationError) {
        let candidates = Dictionary(grouping: listing, by: \.object.generation)
            .filter { generation == nil || $0.key == generation }
            .filter { Self.reaches(target, $0.value) }
        guard let objects = candidates.values.max(by: { Self.recency($0) < Self.recency($1) }),
            let snapshot = Self.snapshot(in: objects, target)
        else { throw .nothingMatches }
        self.snapshot = snapshot
        segments = try Self.segments(in: objects, from: snapshot, target)
    }

    private static func recency(_ objects: [Listed]) -> (time: Int64, index: UInt32, name: String) {
        (latest(objects), objects.map(\.object.index).max() ?? 0, objects.first?.object.generation.name ?? "")
    }

    private static func latest(_ objects: [Listed]) -> Int64 {
        objects.map(\.timeMilliseconds).max() ?? .min
    }

    private static func reaches(_ target: Target, _ objects: [Listed]) -> Bool {
        guard case .time(let time) = target else { return true }
        let earliest = objects.map(\.timeMilliseconds).min() ?? .max
        return earliest <= time && time <= latest(objects)
    }

    private static func snapshot(in objects: [Listed], _ target: Target) -> GenerationObject? {
        let snapshots = objects.filter { $0.object.kind == .snapshot }
        let chosen =
            switch target {
            case .latest:
                snapshots.max { ($0.timeMilliseconds, $0.object.index) < ($1.timeMilliseconds, $1.object.index) }
            case .time(let time):
                snapshots.filter { $0.timeMilliseconds <= time }
                    .max { ($0.timeMilliseconds, $0.object.index) < ($1.timeMilliseconds, $1.object.index) }
            case .index(let index):
                snapshots.filter { $0.object.index <= index }.max { $0.object.index < $1.object.index }
            }
        return chosen?.object
    }

    private static func segments(
        in objects: [Listed],
        from snapshot: GenerationObject,
        _ target: Target
    ) throws(GenerationError) -> [[GenerationObject]] {
        var ordered: [(offset: UInt64, listed: Listed)] = objects.compactMap { listed in
            guard case .segment(let offset) = listed.object.kind, listed.object.index >= snapshot.index else {
                return nil
            }
            return (offset, listed)
        }
        ordered.sort { ($0.listed.object.index, $0.offset) < ($1.listed.object.index, $1.offset) }
        let reached = ordered.prefix { segment in
            switch target {
            case .latest: true
            case .time(let time): segment.listed.timeMilliseconds <= time
            case .index(let index): segment.listed.object.index <= index
            }
        }
        var segments: [[GenerationObject]] = []
        for (offset, listed) in reached {
            let object = listed.object
            let next = snapshot.index + UInt32(segments.count)
            if object.index == next {
                guard offset == 0 else { throw .segmentGap(object, expected: 0) }
                segments.append([object])
            } else if object.index + 1 == next {
                segments[segments.count - 1].append(object)
            } else {
                throw .indexMissing(object.generation, index: next)
            }
        }
        let end = snapshot.index + UInt32(segments.count)
        // A snapshot whose own WAL file has come to nothing yet is at its index all the same.
        if case .index(let index) = target, end <= index, !(segments.isEmpty && snapshot.index == index) {
            throw .indexMissing(snapshot.generation, index: end)
        }
        return segments
    }
}
