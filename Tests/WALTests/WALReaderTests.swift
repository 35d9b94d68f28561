import Testing
import WAL

@Suite struct WALReaderTests {
    /// Reads on from a position, or from the start, in pieces of some size.
    private func read(_ wal: [UInt8], from position: WALPosition? = nil, pieceSize: Int = .max) throws -> WALReader {
        var reader = WALReader(from: try position ?? WALPosition(startOf: header(of: wal)))
        var end = Int(reader.offset)
        while end < wal.count, reader.end == nil {
            end += min(pieceSize, wal.count - end)
            reader.read(wal.span.extracting(Int(reader.offset)..<end))
        }
        return reader
    }

    private func header(of wal: [UInt8]) throws(WALError) -> WALHeader {
        try WALHeader(wal.span)
    }

    private func frame(_ wal: [UInt8], at offset: Int) -> WALFrame? {
        WALFrame(wal.span.extracting(offset...))
    }

    /// The database with what was read from its log.
    private func apply(_ reader: WALReader, of wal: [UInt8], to database: [UInt8]) -> [UInt8] {
        guard reader.transactionCount > 0 else { return database }
        let pageSize = reader.position.header.pageSize
        var result = Array(database.prefix(Int(reader.commit) * pageSize))
        result += [UInt8](repeating: 0, count: Int(reader.commit) * pageSize - result.count)
        for page in reader.pages {
            let start = (Int(page.number) - 1) * pageSize
            result.replaceSubrange(start..<(start + pageSize), with: wal[Int(page.offset)...].prefix(pageSize))
        }
        return result
    }

    @Test(arguments: [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536])
    func `what SQLite would checkpoint is what the reader finds`(pageSize: Int) throws {
        let file = try SQLiteFile(pageSize: pageSize)
        let before = try file.database
        try file.run("INSERT INTO t (v) VALUES (randomblob(100000)), (1), (2)")
        try file.run("UPDATE t SET v = v + 1 WHERE id > 1; CREATE TABLE u (x); INSERT INTO u VALUES (zeroblob(5000))")
        let wal = try file.wal
        for pieceSize in [1000, 4120, .max] {
            let reader = try read(wal, pieceSize: pieceSize)
            #expect(reader.end == nil)
            #expect(reader.transactionCount == 4)
            #expect(reader.position.offset == UInt64(wal.count))
            #expect(reader.pages.map(\.number) == reader.pages.map(\.number).sorted())
            #expect(reader.position.header.pageSize == pageSize)
            let after = apply(reader, of: wal, to: before)
            #expect(after == (try SQLiteFile(database: before, wal: wal).checkpointed()))
            #expect(after != before)
        }
    }

    @Test func `a database that shrinks loses its pages`() throws {
        let file = try SQLiteFile()
        try file.run("INSERT INTO t (v) VALUES (randomblob(200000)), (1)")
        let before = try file.checkpointed()
        try file.run("INSERT INTO t (v) VALUES (randomblob(9000))")
        try file.run("DELETE FROM t WHERE length(v) > 100; VACUUM")
        let wal = try file.wal
        let reader = try read(wal)
        #expect(Int(reader.commit) < before.count / 4096)
        #expect(reader.pages.allSatisfy { $0.number <= reader.commit })
        #expect(apply(reader, of: wal, to: before) == (try file.checkpointed()))
    }

    @Test func `reading goes on where it stopped, and tells only what is new`() throws {
        let file = try SQLiteFile()
        try file.run("INSERT INTO t (v) VALUES (1)")
        let first = try read(try file.wal)
        let nothing = try read(try file.wal, from: first.position)
        #expect(nothing.transactionCount == 0)
        #expect(nothing.pages.isEmpty)
        #expect(nothing.position == first.position)
        try file.run("INSERT INTO t (v) VALUES (2)")
        let second = try read(try file.wal, from: first.position)
        #expect(second.transactionCount == 1)
        #expect(second.pages.map(\.number) == [2])
        #expect(second.pages.allSatisfy { $0.offset >= first.position.offset })
    }

    @Test func `a position is not continued by frames that only carry the same salts`() throws {
        let file = try SQLiteFile()
        try file.run("INSERT INTO t (v) VALUES (1)")
        let position = try read(try file.wal).position
        try file.run("INSERT INTO t (v) VALUES (2)")
        try file.run("INSERT INTO t (v) VALUES (3)")
        var wal = try file.wal
        // Without its middle the log is shorter, and all salts are right.
        let frameSize = position.header.frameSize
        wal.removeSubrange(Int(position.offset)..<(Int(position.offset) + frameSize))
        let reader = try read(wal, from: position)
        #expect(reader.end == .checksum)
        #expect(reader.transactionCount == 0)
    }

    /// A transaction larger than the cache is written before it is committed.
    @Test func `frames without a commit are not told, whatever becomes of them`() throws {
        let file = try SQLiteFile()
        let before = try file.database
        try file.run("INSERT INTO t (v) VALUES (1)")
        let position = try read(try file.wal).position
        try file.run("PRAGMA cache_size=5; BEGIN; INSERT INTO t (v) VALUES (randomblob(300000))")
        let spilled = try file.wal
        #expect(spilled.count > Int(position.offset) + 10 * position.header.frameSize)
        let during = try read(spilled, from: position)
        #expect(during.transactionCount == 0)
        #expect(during.position == position)
        #expect(during.offset > position.offset)

        try file.run("ROLLBACK; INSERT INTO t (v) VALUES (2)")
        let wal = try file.wal
        #expect(try read(wal, from: position).transactionCount == 1)
        let reader = try read(wal)
        #expect(reader.end != nil)
        #expect(apply(reader, of: wal, to: before) == (try file.checkpointed()))
    }

    @Test func `a log that was started over is noticed, and its old frames are not read`() throws {
        let file = try SQLiteFile()
        for _ in 0..<4 { try file.run("INSERT INTO t (v) VALUES (randomblob(5000))") }
        let earlier = try read(try file.wal).position
        try file.run("INSERT INTO t (v) VALUES (randomblob(5000))")
        let old = try read(try file.wal)
        let frameBefore = Int(old.position.offset) - old.position.header.frameSize
        #expect(old.position.follows(try #require(frame(try file.wal, at: frameBefore))))
        #expect(!earlier.follows(try #require(frame(try file.wal, at: frameBefore))))
        try file.run("PRAGMA wal_checkpoint(RESTART)")
        let base = try file.database
        #expect(old.position.isInLog(of: try header(of: try file.wal)))
        try file.run("INSERT INTO t (v) VALUES (2)")
        let wal = try file.wal
        #expect(UInt64(wal.count) == old.position.offset)
        let header = try header(of: wal)
        #expect(!old.position.isInLog(of: header))
        #expect(header.salt1 == old.position.header.salt1 &+ 1)
        #expect(header.checkpointSequence == old.position.header.checkpointSequence + 1)
        // The end of the old log is still in the file, as it was.
        #expect(old.position.follows(try #require(frame(wal, at: frameBefore))))
        #expect(!old.position.follows(try #require(frame(wal, at: 32))))
        let reader = try read(wal)
        #expect(reader.transactionCount == 1)
        #expect(reader.end == .salts)
        #expect(apply(reader, of: wal, to: base) == (try file.checkpointed()))
    }

    @Test func `wherever a log is cut off, the reader stops where SQLite's recovery does`() throws {
        let file = try SQLiteFile(pageSize: 512)
        let before = try file.database
        try file.run("INSERT INTO t (v) VALUES (randomblob(700))")
        try file.run("UPDATE t SET v = randomblob(900); DELETE FROM t")
        let wal = try file.wal
        let frameSize = 24 + 512
        var sizes = Set(stride(from: 32, through: wal.count, by: frameSize).flatMap { [$0 - 1, $0, $0 + 1, $0 + 30] })
        sizes.formIntersection(32...wal.count)
        for size in sizes.sorted() {
            let cut = Array(wal[..<size])
            let recovered = try SQLiteFile(database: before, wal: cut).checkpointed()
            #expect(apply(try read(cut), of: cut, to: before) == recovered, "\(size) bytes")
        }
    }

    @Test func `a flipped bit ends the log before its transaction`() throws {
        let file = try SQLiteFile(pageSize: 512)
        try file.run("INSERT INTO t (v) VALUES (randomblob(700))")
        try file.run("INSERT INTO t (v) VALUES (randomblob(700))")
        let wal = try file.wal
        let whole = try read(wal)
        var ends: [Int] = []
        for end in stride(from: 32, through: wal.count, by: 24 + 512) {
            if try read(Array(wal[..<end])).position.offset == UInt64(end) { ends.append(end) }
        }
        #expect(ends.count == whole.transactionCount + 1)
        for bit in stride(from: 32 * 8, to: wal.count * 8, by: 3) {
            var damaged = wal
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            let reader = try read(damaged)
            #expect(reader.end != nil)
            #expect(Int(reader.position.offset) == ends.last { $0 <= bit / 8 }, "bit \(bit)")
        }
    }

    /// Machines with the other byte order are rare, but their files travel.
    @Test func `a log with big-endian sums is read as well`() throws {
        let file = try SQLiteFile()
        try file.run("INSERT INTO t (v) VALUES (1), (2)")
        let little = try file.wal
        let big = withSums(little, bigEndian: true)
        #expect(big[3] == 0x83)
        let (reader, expected) = (try read(big), try read(little))
        #expect(reader.transactionCount == 1)
        #expect(reader.pages == expected.pages)
        #expect(reader.position.offset == expected.position.offset)
    }

    @Test func `a frame for page 0 ends the log, though its sums are right`() throws {
        let file = try SQLiteFile()
        try file.run("INSERT INTO t (v) VALUES (1)")
        let end = try file.wal.count
        try file.run("INSERT INTO t (v) VALUES (2)")
        var wal = try file.wal
        #expect(withSums(wal, bigEndian: false) == wal)
        wal.replaceSubrange(end..<(end + 4), with: [0, 0, 0, 0])
        let reader = try read(withSums(wal, bigEndian: false))
        #expect(reader.end == .pageZero)
        #expect(reader.position.offset == UInt64(end))
    }

    /// A log with all its sums computed again, as a machine of either byte order does it.
    private func withSums(_ wal: [UInt8], bigEndian: Bool) -> [UInt8] {
        var wal = wal
        if bigEndian { wal[3] |= 1 }
        var (first, second) = (0 as UInt32, 0 as UInt32)
        func word(_ at: Int) -> UInt32 {
            let word = wal[at..<(at + 4)].reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
            return bigEndian ? word : word.byteSwapped
        }
        func add(_ range: Range<Int>) {
            for at in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
                first = first &+ word(at) &+ second
                second = second &+ word(at + 4) &+ first
            }
        }
        func store(_ at: Int) {
            for index in 0..<4 {
                wal[at + index] = UInt8(truncatingIfNeeded: first >> UInt32(24 - 8 * index))
                wal[at + 4 + index] = UInt8(truncatingIfNeeded: second >> UInt32(24 - 8 * index))
            }
        }
        add(0..<24)
        store(24)
        for frame in stride(from: 32, to: wal.count, by: 24 + 4096) {
            add(frame..<(frame + 8))
            add((frame + 24)..<(frame + 24 + 4096))
            store(frame + 16)
        }
        return wal
    }
}
