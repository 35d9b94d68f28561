import FoundationEssentials
import LZ4
import Replication
import Testing
import WAL

@testable import LTX

@Suite struct GenerationRestoreTests {
    @Test(arguments: GenerationFixture.all)
    func `a replica of Litestream 0.3 becomes the database that it restores itself`(fixture: GenerationFixture) throws {
        let replica = try fixture.replica()
        let plan = try GenerationPlan(replica.listing)
        #expect(plan.snapshot.index == fixture.snapshotIndex)
        #expect(plan.segments.count == fixture.walCount)
        for pieceSize in [100, .max >> 1] {
            let database = try replica.restore(plan, pieceSize: pieceSize)
            #expect(database.count == fixture.databaseSize)
            var crc = CRC64()
            crc.update(database.span)
            #expect(crc.value == fixture.databaseCRC)
        }
    }

    /// What Litestream 0.3.11 itself restored for these times; at the last two it has nothing.
    @Test(
        arguments: [
            (1_795_220_479_663, 1), (1_795_220_482_664, 2), (1_795_220_485_665, 3), (1_795_220_488_665, 4),
            (1_795_220_491_666, 5), (1_795_220_494_666, 6), (1_795_220_497_667, 7), (1_795_216_876_963, nil),
            (1_795_224_097_968, nil),
        ] as [(Int64, Int?)]
    )
    func `a point in time has the rows committed before it`(time: Int64, count: Int?) throws {
        let replica = try #require(GenerationFixture.all.first { $0.name == "pitr" }).replica()
        guard let count else {
            #expect(throws: GenerationError.nothingMatches) {
                try GenerationPlan(replica.listing, target: .time(milliseconds: time))
            }
            return
        }
        let plan = try GenerationPlan(replica.listing, target: .time(milliseconds: time))
        let rows = try query("SELECT id FROM ev ORDER BY id", of: try replica.restore(plan))
        #expect(rows == (1...count).map(String.init))
    }

    @Test func `every snapshot of a generation leads to the same database`() throws {
        let replica = try #require(GenerationFixture.all.first { $0.name == "checkpoints" }).replica()
        let newest = try replica.restore(try GenerationPlan(replica.listing))
        let snapshots = replica.listing.filter { $0.object.kind == .snapshot }
        #expect(snapshots.count == 5)
        for snapshot in snapshots {
            let listing = replica.listing.filter { $0.object.kind != .snapshot || $0 == snapshot }
            let plan = try GenerationPlan(listing)
            #expect(plan.snapshot == snapshot.object)
            #expect(try replica.restore(plan) == newest, "from snapshot \(snapshot.object.index)")
        }
    }

    /// Litestream 0.3.11 restores one row of four here, and says that all went well.
    @Test func `a missing segment is an error, wherever it is missing`() throws {
        let replica = try #require(GenerationFixture.all.first { $0.name == "fruits" }).replica()
        let segments = try GenerationPlan(replica.listing).segments[0]
        for (missing, next) in zip(segments.dropFirst(), segments.dropFirst(2)) {
            guard case .segment(let expected) = missing.kind else { continue }
            let plan = try GenerationPlan(replica.listing.filter { $0.object != missing })
            #expect(throws: GenerationError.segmentGap(next, expected: expected)) { try replica.restore(plan) }
        }
    }

    @Test func `an object cut off or continued is an error that names it`() throws {
        var replica = try #require(GenerationFixture.all.first { $0.name == "fruits" }).replica()
        let plan = try GenerationPlan(replica.listing)
        for object in [plan.snapshot] + plan.segments[0] {
            let whole = try #require(replica.bytes[object.key])
            for size in [0, 3, 10, whole.count - 4, whole.count - 1] {
                replica.bytes[object.key] = Array(whole.prefix(size))
                #expect(throws: GenerationError.truncated(object)) { try replica.restore(plan) }
            }
            replica.bytes[object.key] = whole + [0]
            #expect(throws: GenerationError.trailingBytes(object)) { try replica.restore(plan) }
            replica.bytes[object.key] = whole
        }
    }

    @Test func `a flipped bit is an error or changes nothing`() throws {
        var replica = try #require(GenerationFixture.all.first { $0.name == "fruits" }).replica()
        let plan = try GenerationPlan(replica.listing)
        let right = try replica.restore(plan)
        for object in [plan.snapshot] + plan.segments[0] {
            let whole = try #require(replica.bytes[object.key])
            for bit in stride(from: 0, to: whole.count * 8, by: 7) {
                var damaged = whole
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                replica.bytes[object.key] = damaged
                let restored = try? replica.restore(plan)
                #expect(restored == nil || restored == right, "bit \(bit) of \(object.key)")
            }
            replica.bytes[object.key] = whole
        }
    }

    /// Damage that the compression does not show: the frame around it is right.
    @Test(
        arguments: [
            (24, .walHeader(.checksum)), (32 + 8, .walFrame(32, .salts)), (32 + 100, .walFrame(32, .checksum)),
            (32 + 4120 + 16, .walFrame(32 + 4120, .checksum)),
        ] as [(Int, Damage)]
    )
    func `a log that ends early inside a segment is an error`(offset: Int, damage: Damage) throws {
        var replica = try #require(GenerationFixture.all.first { $0.name == "fruits" }).replica()
        let plan = try GenerationPlan(replica.listing)
        let segment = plan.segments[0][0]
        var content = try unpack(replica, segment)
        content[offset] ^= 1
        replica.bytes[segment.key] = pack(content)
        let error: GenerationError =
            switch damage {
            case .walHeader(let error): .walHeader(segment, error)
            case .walFrame(let offset, let end): .walFrame(segment, offset: offset, end)
            }
        #expect(throws: error) { try replica.restore(plan) }
    }

    enum Damage: Sendable {
        case walHeader(WALError)
        case walFrame(UInt64, WALReader.End)
    }

    @Test func `a log with other pages than the database's is an error`() throws {
        var replica = try #require(GenerationFixture.all.first { $0.name == "fruits" }).replica()
        let plan = try GenerationPlan(replica.listing)
        var database = try unpack(replica, plan.snapshot)
        database[16] = 0x20
        replica.bytes[plan.snapshot.key] = pack(database)
        #expect(throws: GenerationError.pageSize(plan.segments[0][0], 4096, expected: 8192)) {
            try replica.restore(plan)
        }
    }

    @Test func `a segment holds whole frames`() throws {
        var replica = try #require(GenerationFixture.all.first { $0.name == "fruits" }).replica()
        let plan = try GenerationPlan(replica.listing)
        for segment in plan.segments[0] {
            let whole = try #require(replica.bytes[segment.key])
            replica.bytes[segment.key] = pack(Array(try unpack(replica, segment).dropLast()))
            #expect(throws: GenerationError.walFrameCutOff(segment)) { try replica.restore(plan) }
            replica.bytes[segment.key] = pack([])
            #expect(throws: GenerationError.walFrameCutOff(segment)) { try replica.restore(plan) }
            replica.bytes[segment.key] = whole
        }
    }

    private func pack(_ content: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        LZ4Frame.compress(content.span, into: &bytes)
        return bytes
    }

    private func unpack(_ replica: GenerationReplica, _ object: GenerationObject) throws -> [UInt8] {
        var (reader, content) = (FrameReader(object), [UInt8]())
        reader.feed(try #require(replica.bytes[object.key]))
        reader.feed([])
        while case .content(let block) = try reader.next() { content += block }
        return content
    }

    /// The first column of what SQLite answers.
    private func query(_ sql: String, of database: [UInt8]) throws -> [String] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("generation-\(UUID().uuidString)")
        try Data(database).write(to: file)
        defer {
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file.path + suffix) }
        }
        return try ReplicationTests.query(sql, ofFile: file.path)
    }
}
