import Replication
import Testing

@Suite struct GenerationPlanTests {
    /// A listing in short: `a/s2@5` is generation aaaaaaaaaaaaaaaa's snapshot 2, written at 5, `a/1+20@6` the segment of
    /// WAL 1 at offset 20.
    private func listing(_ text: String) throws -> [GenerationPlan.Listed] {
        try text.split(separator: " ").map { item in
            let parts = item.split(whereSeparator: { "/@".contains($0) })
            let generation = String(repeating: String(parts[0]), count: 16)
            let object = try #require(GenerationObject(key: "generations/\(generation)/\(name(parts[1]))"))
            let time = try #require(Int64(parts[2]))
            return GenerationPlan.Listed(object, timeMilliseconds: time)
        }
    }

    private func name(_ short: Substring) -> String {
        guard short.first != "s" else { return "snapshots/\(padded(short.dropFirst())).snapshot.lz4" }
        let numbers = short.split(separator: "+")
        return "wal/\(padded(numbers[0]))_\(padded(numbers[1])).wal.lz4"
    }

    private func padded(_ digits: Substring) -> String {
        String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// A plan in short: `a s2 | 2+0 2+20 | 3+0`.
    private func short(_ plan: GenerationPlan) -> String {
        let wals = plan.segments.map { segments in
            segments.map { object in
                guard case .segment(let offset) = object.kind else { return "not a segment" }
                return "\(object.index)+\(String(offset, radix: 16))"
            }.joined(separator: " ")
        }
        let start = "\(plan.snapshot.generation.name.prefix(1)) s\(plan.snapshot.index)"
        return ([start] + wals).joined(separator: " | ")
    }

    private static let two = "a/s0@1 a/0+0@1 a/0+20@3 b/s0@5 b/0+0@5 b/1+0@7 b/s1@8 b/1+20@9 b/1+100@10"

    @Test(
        arguments: [
            (two, .latest, "b s1 | 1+0 1+20 1+100"),
            ("b/1+100@10 b/1+20@9 b/1+0@7 b/s1@8", .latest, "b s1 | 1+0 1+20 1+100"),
            (two, .time(milliseconds: 1), "a s0 | 0+0"),
            (two, .time(milliseconds: 3), "a s0 | 0+0 0+20"),
            (two, .time(milliseconds: 7), "b s0 | 0+0 | 1+0"),
            (two, .time(milliseconds: 9), "b s1 | 1+0 1+20"),
            (two, .index(0), "b s0 | 0+0"),
            (two, .index(1), "b s1 | 1+0 1+20 1+100"),
            ("a/s0@1", .latest, "a s0"),
            ("a/s2@1", .index(2), "a s2"),
            ("a/s0@1 a/0+0@2", .time(milliseconds: 1), "a s0"),
            // The first segment after the target ends the list, whatever the times after it.
            ("a/s0@1 a/0+0@2 a/0+20@9 a/0+30@3", .time(milliseconds: 4), "a s0 | 0+0"),
            // Offsets are numbers, also where they have more digits.
            ("a/s0@1 a/0+0@2 a/0+ffffffff@3 a/0+20@4", .latest, "a s0 | 0+0 0+20 0+ffffffff"),
        ] as [(String, GenerationPlan.Target, String)]
    )
    func `a plan is the newest snapshot that the target allows, and what follows on it`(
        objects: String,
        target: GenerationPlan.Target,
        expected: String
    ) throws {
        #expect(short(try GenerationPlan(try listing(objects), target: target)) == expected)
    }

    @Test(
        arguments: [
            ("a/s0@5 a/0+0@5 b/s0@5 b/0+0@5", "b s0 | 0+0"),
            ("b/s0@5 b/0+0@5 a/s0@5 a/0+0@5", "b s0 | 0+0"),
            ("a/s0@5 a/0+0@5 a/1+0@5 b/s0@5 b/0+0@5", "a s0 | 0+0 | 1+0"),
            ("a/s0@5 a/s1@5 a/1+0@5", "a s1 | 1+0"),
        ]
    )
    func `of equal times the higher index decides, then the name`(objects: String, expected: String) throws {
        // Often enough for an order by chance to show.
        for _ in 0..<50 { #expect(short(try GenerationPlan(try listing(objects))) == expected) }
    }

    @Test func `a generation can be named`() throws {
        let generation = try #require(GenerationID("aaaaaaaaaaaaaaaa"))
        let plan = try GenerationPlan(try listing(Self.two), generation: generation)
        #expect(short(plan) == "a s0 | 0+0 0+20")
    }

    @Test(
        arguments: [
            ("", .latest),
            ("a/0+0@1", .latest),
            (two, .time(milliseconds: 0)),
            (two, .time(milliseconds: 4)),
            (two, .time(milliseconds: 11)),
            ("a/s1@1", .index(0)),
        ] as [(String, GenerationPlan.Target)]
    )
    func `a target that nothing reaches is an error, not the nearest state`(
        objects: String,
        target: GenerationPlan.Target
    ) throws {
        let objects = try listing(objects)
        #expect(throws: GenerationError.nothingMatches) { try GenerationPlan(objects, target: target) }
    }

    @Test(
        arguments: [
            ("a/s0@1 a/0+0@1 a/2+0@2", 1),
            ("a/s0@1 a/1+0@2", 0),
            ("a/s3@1 a/5+0@2", 3),
        ] as [(String, UInt32)]
    )
    func `a WAL file without any segment is a gap`(objects: String, index: UInt32) throws {
        let objects = try listing(objects)
        let generation = try #require(GenerationID("aaaaaaaaaaaaaaaa"))
        #expect(throws: GenerationError.indexMissing(generation, index: index)) { try GenerationPlan(objects) }
    }

    @Test func `a WAL file must begin at its beginning`() throws {
        let objects = try listing("a/s0@1 a/0+20@2")
        let segment = try #require(objects.last?.object)
        #expect(throws: GenerationError.segmentGap(segment, expected: 0)) { try GenerationPlan(objects) }
    }
}
