import LTX
import Testing

@testable import Replication

@Suite struct RestorePlanTests {
    /// A listing in short: `9/1-d@5` is a snapshot of transactions 1 to 0xd from time 5, `a/s2@5` and `a/1+20@6` are as in
    /// `GenerationPlanTests`.
    private func listing(_ text: String) throws -> ReplicaListing {
        ReplicaListing(
            try text.split(separator: " ").map { item in
                let parts = item.split(whereSeparator: { "/@".contains($0) })
                let time = try #require(Int64(parts[2]))
                return ReplicaObject(key: key(parts[0], parts[1]), size: 1, timeMilliseconds: time)
            }
        )
    }

    private func key(_ folder: Substring, _ short: Substring) -> String {
        guard Int(folder) == nil else {
            let txids = short.split(separator: "-").map { padded($0, 16) }
            return "ltx/\(folder)/\(txids.joined(separator: "-")).ltx"
        }
        let generation = "generations/" + String(repeating: String(folder), count: 16)
        guard short.first != "s" else { return "\(generation)/snapshots/\(padded(short.dropFirst(), 8)).snapshot.lz4" }
        let numbers = short.split(separator: "+")
        return "\(generation)/wal/\(padded(numbers[0], 8))_\(padded(numbers[1], 8)).wal.lz4"
    }

    private func padded(_ digits: Substring, _ count: Int) -> String {
        String(repeating: "0", count: count - digits.count) + digits
    }

    /// A plan in short.
    private func short(_ plan: RestorePlan) -> String {
        switch plan.steps {
        case .ltx(let files):
            files.map { file in
                let txids = [file.minTXID, file.maxTXID].map { String($0.rawValue, radix: 16) }
                return "\(file.level)/\(txids.joined(separator: "-"))"
            }.joined(separator: " ")
        case .generation(let snapshot, let segments):
            "\(snapshot.name.generation.name.prefix(1)) s\(snapshot.name.index) "
                + segments.map { "\($0.count)" }.joined(separator: "+")
        }
    }

    private static func txid(_ number: UInt64) -> RestorePlan.Target { .txid(TXID(rawValue: number)) }

    private static let levels =
        "9/1-1@10 9/1-5@50 0/1-1@10 0/2-2@20 0/3-3@30 0/4-4@40 0/5-5@50 0/6-6@60 0/7-7@70 1/2-4@40 1/5-6@60 2/2-6@60"
    private static let both = "9/1-1@10 0/2-2@20 a/s0@15 a/0+0@16"

    @Test(
        arguments: [
            ("0/1-1@1", .latest, "0/1-1"),
            ("9/1-1@1", .latest, "9/1-1"),
            (levels, .latest, "9/1-5 2/2-6 0/7-7"),
            (levels, txid(7), "9/1-5 2/2-6 0/7-7"),
            (levels, txid(6), "9/1-5 2/2-6"),
            (levels, txid(5), "9/1-5"),
            (levels, txid(4), "9/1-1 1/2-4"),
            (levels, txid(3), "9/1-1 0/2-2 0/3-3"),
            (levels, txid(1), "9/1-1"),
            // Strictly before the time, as Litestream has it.
            (levels, .time(milliseconds: 70), "9/1-5 2/2-6"),
            (levels, .time(milliseconds: 50), "9/1-1 1/2-4"),
            (levels, .time(milliseconds: 11), "9/1-1"),
            (levels, .time(milliseconds: 1000), "9/1-5 2/2-6 0/7-7"),
            // Without any snapshot, files that overlap, in any order of listing.
            ("1/4-9@9 0/1-3@3 0/3-5@5 2/a-f@15 1/8-b@11", .latest, "0/1-3 1/4-9 2/a-f"),
            // What a later file has too is not fetched.
            ("9/1-1@10 1/1-4@40 0/5-5@50", .latest, "1/1-4 0/5-5"),
            ("9/1-3@10 0/4-4@40 0/5-5@50 1/4-6@60 2/2-7@70", .latest, "9/1-3 2/2-7"),
            // The most compacted of the same.
            ("0/1-1@1 1/1-1@1 2/1-1@1", .latest, "2/1-1"),
            // A state inside what was compacted is not there any more: the one before is what is known for the time.
            ("9/1-1@10 1/2-4@40 0/4-4@35", .time(milliseconds: 36), "9/1-1"),
            (both, .latest, "9/1-1 0/2-2"),
            ("9/1-1@10 a/s0@15 a/0+0@16", .latest, "a s0 1"),
            (both, txid(1), "9/1-1"),
            (both, .index(0), "a s0 1"),
            (both, .time(milliseconds: 16), "a s0 1"),
            // Nothing of the generation is that old or that young.
            (both, .time(milliseconds: 14), "9/1-1"),
            (both, .time(milliseconds: 30), "9/1-1 0/2-2"),
        ] as [(String, RestorePlan.Target, String)]
    )
    func `a plan leads from a snapshot to the target in as few files as there are`(
        files: String,
        target: RestorePlan.Target,
        expected: String
    ) throws {
        #expect(short(try RestorePlan(try listing(files), target: target)) == expected)
    }

    @Test(
        arguments: [
            ("", .latest, .noReplica),
            ("", txid(1), .noReplica),
            ("0/2-2@1", .latest, .gap(from: TXID(rawValue: 1), to: TXID(rawValue: 1))),
            ("9/1-2@1 0/5-5@2 0/9-9@2", .latest, .gap(from: TXID(rawValue: 3), to: TXID(rawValue: 4))),
            ("9/1-2@1 0/5-5@2", txid(5), .gap(from: TXID(rawValue: 3), to: TXID(rawValue: 4))),
            ("9/1-2@1 0/5-5@2", .time(milliseconds: 3), .gap(from: TXID(rawValue: 3), to: TXID(rawValue: 4))),
            ("9/1-2@1 0/3-3@2", txid(4), .notATXID(TXID(rawValue: 4), below: TXID(rawValue: 3), above: nil)),
            (
                "9/1-2@1 1/3-6@2", txid(4),
                .notATXID(TXID(rawValue: 4), below: TXID(rawValue: 2), above: TXID(rawValue: 6))
            ),
            ("9/1-9@1", txid(4), .notATXID(TXID(rawValue: 4), below: nil, above: TXID(rawValue: 9))),
            (levels, .time(milliseconds: 10), .outside(earliest: 10, latest: nil)),
            (levels, .index(0), .noGenerations),
            ("a/s0@1 a/0+0@2", txid(1), .noTXIDs),
            ("a/s0@1 a/0+0@2", .time(milliseconds: 3), .outside(earliest: 1, latest: 2)),
        ] as [(String, RestorePlan.Target, RestorePlanError)]
    )
    func `what cannot be restored is an error that says why`(
        files: String,
        target: RestorePlan.Target,
        expected: RestorePlanError
    ) throws {
        let listing = try listing(files)
        #expect(throws: expected) { try RestorePlan(listing, target: target) }
    }

    @Test func `a generation is taken when it is named, and must be there`() throws {
        let listing = try listing(Self.both)
        let a = try #require(GenerationID("aaaaaaaaaaaaaaaa"))
        #expect(short(try RestorePlan(listing, generation: a)) == "a s0 1")
        let b = try #require(GenerationID("bbbbbbbbbbbbbbbb"))
        #expect(throws: RestorePlanError.noSuchGeneration(b)) { try RestorePlan(listing, generation: b) }
    }

    @Test func `planning a hundred thousand files takes no time that grows with their square`() throws {
        let objects = (1...100_000 as ClosedRange<UInt64>).map { number in
            let txid = TXID(rawValue: number)
            return ReplicaObject(key: "ltx/0/\(txid)-\(txid).ltx", size: 1, timeMilliseconds: Int64(number))
        }
        let start = ContinuousClock.now
        let plan = try RestorePlan(ReplicaListing(objects.shuffled()))
        #expect(plan.objects.count == 100_000)
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test(arguments: ReplicaLayout.allCases)
    func `a key that a layout makes is one that it reads`(layout: ReplicaLayout) throws {
        for level in [0, 9] {
            let key = layout.key(level: level, min: TXID(rawValue: 1), max: TXID(rawValue: .max))
            let parsed = try #require(layout.parse(key))
            #expect(parsed.level == level)
            #expect(parsed.min == TXID(rawValue: 1))
            #expect(parsed.max == TXID(rawValue: .max))
        }
    }

    @Test(arguments: [
        "ltx/0/0000000000000001-0000000000000001.ltx.tmp", "ltx/10/0000000000000001-0000000000000001.ltx",
        "ltx/a/0000000000000001-0000000000000001.ltx", "ltx/0/0000000000000002-0000000000000001.ltx",
        "ltx/0/0000000000000000-0000000000000001.ltx", "ltx/0/x/0000000000000001-0000000000000001.ltx",
        "ltx//0000000000000001-0000000000000001.ltx", "0010/0000000000000001-0000000000000001.ltx",
        "000/0000000000000001-0000000000000001.ltx", "0000/0000000000000001.ltx", "0000/.ltx", "ltx/0/-.ltx",
    ])
    func `any other key is none of a replica`(key: String) {
        #expect(ReplicaListing([ReplicaObject(key: key, size: 1, timeMilliseconds: 1)]).isEmpty)
    }
}
