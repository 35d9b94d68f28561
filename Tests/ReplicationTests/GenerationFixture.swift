import FoundationEssentials
import Replication
import Testing
import WAL

/// A replica that the real Litestream 0.3.11 wrote, below `Fixtures`, and the database that it makes of it itself.
///
/// Size and CRC are those of databases whose SHA-256 is that of `litestream restore`, computed by another program.
struct GenerationFixture: CustomTestStringConvertible {
    let name: String
    let databaseSize: Int
    let databaseCRC: UInt64
    let snapshotIndex: UInt32
    let walCount: Int

    var testDescription: String { name }

    static let all = [
        Self("checkpoints", 61440, 0x5C6E_CA4D_8838_74C9, snapshot: 8, wals: 1),
        Self("fruits", 16384, 0xA472_1488_826D_8BE5, snapshot: 0, wals: 1),
        Self("grow-again", 106496, 0x5DC6_F99B_6BFC_BFD7, snapshot: 0, wals: 5),
        Self("page-size-4096", 45056, 0x072D_B914_19A8_CA04, snapshot: 0, wals: 1),
        Self("page-size-512", 23040, 0xB0D6_361B_814D_5C52, snapshot: 0, wals: 1),
        Self("page-size-65536", 327680, 0xB5D4_699E_7DDA_8CE0, snapshot: 0, wals: 1),
        Self("pitr", 16384, 0x50C3_FF9E_783A_EDCE, snapshot: 4, wals: 2),
        Self("shrunk", 28672, 0xDB1B_6A3C_DE36_005B, snapshot: 0, wals: 1),
        Self("two-generations", 16384, 0xC577_70DE_6818_AF6D, snapshot: 0, wals: 1),
    ]

    private init(_ name: String, _ databaseSize: Int, _ databaseCRC: UInt64, snapshot: UInt32, wals: Int) {
        self.name = name
        self.databaseSize = databaseSize
        self.databaseCRC = databaseCRC
        snapshotIndex = snapshot
        walCount = wals
    }

    /// The objects by key, and the listing with the times at which they were written: git does not keep those.
    func replica() throws -> GenerationReplica {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/litestream-0.3/\(name)")
        let times = try JSONDecoder().decode(
            [String: Int64].self,
            from: Data(contentsOf: folder.appendingPathComponent("times.json"))
        )
        var replica = GenerationReplica()
        for (key, time) in times {
            guard let object = GenerationObject(key: key) else { throw CocoaError(.fileReadInvalidFileName) }
            replica.listing.append(.init(object, timeMilliseconds: time))
            replica.bytes[key] = [UInt8](try Data(contentsOf: folder.appendingPathComponent("replica/\(key)")))
        }
        return replica
    }
}

/// A replica in memory.
struct GenerationReplica {
    var listing: [GenerationPlan.Listed] = []
    var bytes: [String: [UInt8]] = [:]

    /// Does what a restore does.
    func restore(_ plan: GenerationPlan, pieceSize: Int = 1000) throws(GenerationError) -> [UInt8] {
        var database = try content(plan.snapshot, pieceSize)
        let stored = Int(database[16]) << 8 | Int(database[17])
        let pageSize = stored == 1 ? 65536 : stored
        for segments in plan.segments {
            var (wal, joined) = (SegmentedWAL(pageSize: pageSize), [UInt8]())
            for segment in segments {
                try wal.begin(segment)
                let content = try content(segment, pieceSize)
                for start in stride(from: 0, to: content.count, by: pieceSize) {
                    try wal.read(Array(content[start...].prefix(pieceSize)))
                }
                joined += content
            }
            guard let log = try wal.finish() else { continue }
            apply(log, joined, to: &database)
        }
        return database
    }

    private func apply(_ log: WALReader, _ joined: [UInt8], to database: inout [UInt8]) {
        guard log.transactionCount > 0 else { return }
        let pageSize = log.position.header.pageSize
        let size = Int(log.commit) * pageSize
        database.removeLast(max(0, database.count - size))
        database += [UInt8](repeating: 0, count: size - database.count)
        for page in log.pages {
            let start = (Int(page.number) - 1) * pageSize
            database.replaceSubrange(start..<(start + pageSize), with: joined[Int(page.offset)...].prefix(pageSize))
        }
    }

    private func content(_ object: GenerationObject, _ pieceSize: Int) throws(GenerationError) -> [UInt8] {
        var (reader, content, rest) = (FrameReader(object), [UInt8](), (bytes[object.key] ?? [])[...])
        while true {
            switch try reader.next() {
            case .input:
                reader.feed(Array(rest.prefix(pieceSize)))
                rest = rest.dropFirst(pieceSize)
            case .content(let block): content += block
            case .end: return content
            }
        }
    }
}
