import Replication
import WAL

/// Rebuilds a database from a Litestream 0.3 replica below `root`.
///
/// The listing comes on standard input: on each line the time of an object in milliseconds, a space, and its key.
func restoreGeneration(from root: String, to path: String) throws(GenerationError) {
    var listing: [GenerationPlan.Listed] = []
    while let line = readLine() {
        let parts = line.split(separator: " ", maxSplits: 1)
        guard let object = GenerationObject(key: String(parts[1])), let time = Int64(parts[0]) else { continue }
        listing.append(.init(object, timeMilliseconds: time))
    }
    let plan = try GenerationPlan(listing)
    let database = File(path, writing: true)
    try unpack(plan.snapshot, below: root, to: database)
    let stored = database.read(at: 16, count: 2).reduce(0) { $0 << 8 | Int($1) }
    let pageSize = stored == 1 ? 65536 : stored
    for segments in plan.segments {
        let joined = File("\(path)-joined", writing: true)
        var (wal, offset) = (SegmentedWAL(pageSize: pageSize), 0 as UInt64)
        for segment in segments {
            try wal.begin(segment)
            let start = offset
            offset += try unpack(segment, below: root, to: joined, at: start)
            for piece in stride(from: start, to: offset, by: 1 << 16) {
                try wal.read(joined.read(at: piece, count: Int(min(1 << 16, offset - piece))))
            }
        }
        guard let log = try wal.finish(), log.transactionCount > 0 else { continue }
        for page in log.pages {
            let data = joined.read(at: page.offset, count: pageSize)
            database.write(data, at: UInt64(page.number - 1) * UInt64(pageSize))
        }
        database.truncate(to: UInt64(log.commit) * UInt64(pageSize))
        joined.finish()
    }
    database.finish()
}

/// Writes the content of an object to `target`, and returns its size.
@discardableResult
private func unpack(
    _ object: GenerationObject,
    below root: String,
    to target: File,
    at start: UInt64 = 0
) throws(GenerationError) -> UInt64 {
    let source = File("\(root)/\(object.key)")
    defer { source.finish() }
    var (reader, read, written) = (FrameReader(object), 0 as UInt64, 0 as UInt64)
    while true {
        switch try reader.next() {
        case .input:
            let bytes = source.read(at: read, count: 1 << 16)
            read += UInt64(bytes.count)
            reader.feed(bytes)
        case .content(let content):
            target.write(content, at: start + written)
            written += UInt64(content.count)
        case .end: return written
        }
    }
}
