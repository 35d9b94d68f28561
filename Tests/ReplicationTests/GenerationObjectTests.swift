import Replication
import Testing

@Suite struct GenerationObjectTests {
    @Test func `a key says what the object is`() throws {
        let snapshot = try #require(
            GenerationObject(key: "generations/6f26ff4982c55b8c/snapshots/0000000a.snapshot.lz4")
        )
        #expect(snapshot.generation.name == "6f26ff4982c55b8c")
        #expect(snapshot.index == 10)
        #expect(snapshot.kind == .snapshot)
        let key = "generations/6f26ff4982c55b8c/wal/7fffffff_000060b0.wal.lz4"
        let segment = try #require(GenerationObject(key: key))
        #expect(segment.index == 0x7FFF_FFFF)
        #expect(segment.kind == .segment(offset: 0x60B0))
        #expect(segment.key == key)
    }

    @Test(arguments: [("00000000", 0), ("100000000", 1 << 32), ("ffffffffffffffff", .max)] as [(String, UInt64)])
    func `an offset has eight digits or more`(digits: String, offset: UInt64) {
        let key = "generations/6f26ff4982c55b8c/wal/00000000_\(digits).wal.lz4"
        #expect(GenerationObject(key: key)?.kind == .segment(offset: offset))
    }

    @Test(arguments: [
        "",
        "generations",
        "generations/6f26ff4982c55b8c/snapshots/00000000.snapshot.lz4.tmp",
        "generations/6f26ff4982c55b8c/snapshots/0000000.snapshot.lz4",
        "generations/6f26ff4982c55b8c/snapshots/000000000.snapshot.lz4",
        "generations/6f26ff4982c55b8c/snapshots/0000000A.snapshot.lz4",
        "generations/6f26ff4982c55b8c/snapshots/80000000.snapshot.lz4",
        "generations/6f26ff4982c55b8c/snapshots/00000000.wal.lz4",
        "generations/6f26ff4982c55b8c/snapshots/x/00000000.snapshot.lz4",
        "generations/6f26ff4982c55b8c/wal/00000000.wal.lz4",
        "generations/6f26ff4982c55b8c/wal/00000000_0000000.wal.lz4",
        "generations/6f26ff4982c55b8c/wal/00000000_00000000000000000.wal.lz4",
        "generations/6f26ff4982c55b8c/wal/00000000_00000000_00000000.wal.lz4",
        "generations/6f26ff4982c55b8c/wal/00000000/00000000.wal.lz4",
        "generations/6f26ff4982c55b8c/wal/+0000000_00000000.wal.lz4",
        "generations/6F26ff4982c55b8c/snapshots/00000000.snapshot.lz4",
        "generations/6f26ff4982c55b8/snapshots/00000000.snapshot.lz4",
        "generations//6f26ff4982c55b8c/snapshots/00000000.snapshot.lz4",
        "/generations/6f26ff4982c55b8c/snapshots/00000000.snapshot.lz4",
        "ltx/0/0000000000000001-0000000000000001.ltx",
    ])
    func `any other key is none of ours`(key: String) {
        #expect(GenerationObject(key: key) == nil)
    }
}
