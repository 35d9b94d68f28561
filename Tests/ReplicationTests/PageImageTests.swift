import Files
import FoundationEssentials
import LTX
import SQLite
import Testing

@testable import Replication

struct PageImageTests {
    @Test(arguments: [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536])
    func `an image is what a checkpoint would make of file and log`(pageSize: Int) throws {
        let database = try LiveDatabase(pageSize: pageSize)
        try database.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        try database.run("INSERT INTO t (v) VALUES (randomblob(200000)), (randomblob(9000))")
        try database.run("PRAGMA wal_checkpoint(TRUNCATE)")
        #expect(try image(of: database) == database.checkpointed())
        try database.run("UPDATE t SET v = zeroblob(9000) WHERE id = 2; INSERT INTO t (v) VALUES (randomblob(70000))")
        #expect(try image(of: database) == database.checkpointed())
        try database.run("PRAGMA wal_checkpoint(PASSIVE)")
        #expect(try image(of: database) == database.checkpointed())
        try database.run("DELETE FROM t WHERE id <> 2; VACUUM")
        #expect(try image(of: database) == database.checkpointed())
    }

    @Test(arguments: ["SELECT 1", "PRAGMA wal_checkpoint(PASSIVE)"])
    func `commits, checkpoints and restarts of the log during an image leave it alone`(before: String) throws {
        let database = try LiveDatabase()
        try database.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        for _ in 0..<20 { try database.run("INSERT INTO t (v) VALUES (randomblob(20000))") }
        // All of it in the database: the log may be restarted under the image.
        try database.run(before)
        let expected = try database.checkpointed()
        var image = try PageImage(database.path)
        var bytes = try take(10, of: &image)
        for _ in 0..<5 {
            try database.run("UPDATE t SET v = randomblob(20000); PRAGMA wal_checkpoint(PASSIVE)")
            bytes += try take(10, of: &image)
        }
        try database.run("DELETE FROM t WHERE id > 3; VACUUM; PRAGMA wal_checkpoint(PASSIVE)")
        bytes += try take(.max, of: &image)
        #expect(bytes == expected)
    }

    @Test
    func `frames whose commit is not visible yet are no part of an image`() throws {
        let source = try LiveDatabase()
        try source.run("CREATE TABLE t (v); INSERT INTO t VALUES (1)")
        let database = try LiveDatabase(copying: source)
        let expected = try database.checkpointed()
        let visibleSize = try database.bytes("db-wal").count
        try source.run("INSERT INTO t VALUES (2)")
        // As a writer leaves it that waits at its gate: the whole commit is in the file, and the wal-index ends before.
        let file = try File(appending: database.path + "-wal")
        try file.write(Array(source.bytes("db-wal").dropFirst(visibleSize)).span)
        let image = try PageImage(database.path)
        #expect(Int(image.mark.walOffset) == visibleSize)
        #expect(try self.image(of: database) == expected)
    }

    @Test
    func `a log that is not the one in the wal-index is refused`() throws {
        let database = try LiveDatabase()
        try database.run("CREATE TABLE t (v); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")
        var wal = try database.bytes("db-wal")
        wal[wal.count - 1] ^= 1
        // In place: it is the file that SQLite has open.
        try Data(wal).write(to: database.folder.appending(path: "db-wal"))
        #expect { _ = try PageImage(database.path) } throws: {
            if case PageImageError.log = $0 { true } else { false }
        }
    }

    @Test
    func `without a WAL or without pages there is no image`() throws {
        let journal = try LiveDatabase(journal: "DELETE")
        try journal.run("CREATE TABLE t (v)")
        #expect { _ = try PageImage(journal.path) } throws: {
            if case PageImageError.notWAL = $0 { true } else { false }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `each image is one state, while others write and checkpoint without a pause`() async throws {
        let database = try LiveDatabase(pageSize: 1024)
        // Two tables that every transaction changes alike.
        try database.run(
            "CREATE TABLE a (id INTEGER PRIMARY KEY, v); CREATE TABLE b (id INTEGER PRIMARY KEY, v); "
                + "CREATE TABLE n (v); INSERT INTO n VALUES (0)"
        )
        let path = database.path
        let writing = Task { try await Self.write(path) }
        defer { writing.cancel() }
        var rounds: Set<String> = []
        let copy = database.folder.appending(path: "copy")
        while rounds.count < 40 {
            await Task.yield()
            try Data(image(of: path)).write(to: copy)
            #expect(try query("PRAGMA integrity_check", ofFile: copy.path) == ["ok"])
            let sizes = try ["a", "b"].map {
                try query("SELECT id || ':' || length(v) FROM \($0)", ofFile: copy.path)
            }
            #expect(sizes[0] == sizes[1])
            try rounds.formUnion(query("SELECT v FROM n", ofFile: copy.path))
        }
        writing.cancel()
        try await writing.value
    }

    /// Until it is cancelled.
    private static func write(_ path: String) async throws {
        let writer = try Connection(path, .readWrite)
        var round: Int64 = 0
        while !Task.isCancelled {
            round += 1
            try writer.begin()
            let (id, size) = (Value.integer(round % 50), Value.integer(round * 37 % 5000))
            try writer.run("INSERT OR REPLACE INTO a VALUES (?, zeroblob(?))", id, size)
            try writer.run("INSERT OR REPLACE INTO b VALUES (?, zeroblob(?))", id, size)
            try writer.run("UPDATE n SET v = ?", .integer(round))
            try writer.commit()
            // Where an image is in the way, the next one will do.
            if round % 7 == 0 { try? writer.checkpoint(round % 21 == 0 ? .restarting : .passive) }
            await Task.yield()
        }
    }

    @Test
    func `an image as a stream is an LTX file that restores to it`() async throws {
        let database = try LiveDatabase()
        try database.run("CREATE TABLE t (v); INSERT INTO t VALUES (randomblob(3000000))")
        let image = try PageImage(database.path)
        let header = image.header(minTXID: TXID(rawValue: 1), maxTXID: TXID(rawValue: 7), timestampMilliseconds: 5)
        let stream = try PageImageStream(image, header)
        var decoder = Decoder()
        var bytes: [UInt8] = []
        var end: Position?
        while end == nil {
            switch try decoder.next() {
            case .input: decoder.feed(try await stream.read(100_000))
            case .header(let read): #expect(read == header)
            case .page(let page): bytes += page.data
            case .end(let position): end = position
            }
        }
        #expect(try bytes == database.checkpointed())
        #expect(stream.end == end)
        // It has let go: a checkpoint finds nobody in its way.
        try database.run("PRAGMA busy_timeout=1; PRAGMA wal_checkpoint(TRUNCATE)")
        #expect(try database.bytes("db-wal").isEmpty)
    }

    private func image(of database: LiveDatabase) throws -> [UInt8] { try image(of: database.path) }

    private func image(of path: String) throws -> [UInt8] {
        var image = try PageImage(path)
        return try take(.max, of: &image)
    }

    private func take(_ countMax: Int, of image: inout PageImage) throws -> [UInt8] {
        var (bytes, page): ([UInt8], [UInt8]) = ([], [])
        var count = 0
        while count < countMax, try image.next(into: &page) != nil {
            bytes += page
            count += 1
        }
        return bytes
    }
}
