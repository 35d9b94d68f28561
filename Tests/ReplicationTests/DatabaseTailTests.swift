import Files
import FoundationEssentials
import LTX
import Testing

@testable import Replication

/// A database, somebody who follows it, and what the taken files make of an empty one.
private final class Following {
    let database: LiveDatabase
    private(set) var tail: DatabaseTail?
    private(set) var doubts: [String] = []
    private var image: [UInt8] = []
    private var applied: UInt64 = 0
    private var settings: DatabaseTail.Settings

    init(pageSize: Int = 4096, _ change: (inout DatabaseTail.Settings) -> Void = { _ in }) throws {
        database = try LiveDatabase(pageSize: pageSize)
        try database.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        settings = DatabaseTail.Settings(path: database.path, folder: database.folder.appending(path: "state").path)
        settings.checkpointPages = .max
        change(&settings)
        try start()
    }

    /// As after a crash: nothing is finished, and the next one finds what is on the disk.
    func stop() { tail = nil }

    func start() throws {
        tail = try DatabaseTail(settings, now: { 1 }) { [unowned self] event in
            if case .doubt(let reason) = event { doubts.append(reason) }
        }
    }

    var entries: [Staging.Entry] { tail?.staging.entries ?? [] }

    func look() throws { try #require(tail).look() }

    /// What all that was taken adds up to; a full file where the increments do not lead on.
    func state() throws -> [UInt8] {
        let tail = try #require(tail)
        try tail.look()
        if !entries.contains(where: { $0.sequence == applied + 1 }), tail.sequence > applied {
            let path = settings.folder + "/full"
            let full = try tail.writeFullFile(to: path, txid: TXID(rawValue: 5))
            image = []
            try apply(path)
            applied = full.sequence
        }
        for entry in entries where entry.sequence > applied {
            try apply(Staging.path(settings.folder + "/staged", entry.sequence))
            applied = entry.sequence
        }
        #expect(applied == tail.sequence)
        return image
    }

    private func apply(_ path: String) throws {
        try Self.apply([UInt8](Data(contentsOf: URL(filePath: path))), to: &image)
    }

    static func apply(_ bytes: [UInt8], to image: inout [UInt8]) throws {
        var decoder = Decoder()
        var header: Header?
        decoder.feed(bytes)
        decoder.feed([])
        while true {
            switch try decoder.next() {
            case .input: break
            case .header(let found): header = found
            case .page(let page):
                let place = (Int(page.number) - 1) * page.data.count
                if image.count < place { image += [UInt8](repeating: 0, count: place - image.count) }
                image.replaceSubrange(place..<min(image.count, place + page.data.count), with: page.data)
            case .end:
                let size = try Int(#require(header).commit) * Int(#require(header).pageSize)
                image = Array(image.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - image.count))
                return
            }
        }
    }
}

@Suite struct DatabaseTailTests {
    @Test(arguments: [512, 4096, 65536])
    func `what is taken adds up to the database, whatever it does`(pageSize: Int) throws {
        let following = try Following(pageSize: pageSize)
        let database = following.database
        #expect(try following.state() == database.checkpointed())
        let steps = [
            "INSERT INTO t (v) VALUES (randomblob(300000))",
            "INSERT INTO t (v) VALUES (randomblob(10)); INSERT INTO t (v) VALUES (randomblob(70000))",
            "BEGIN; DELETE FROM t WHERE id = 1; ROLLBACK",
            "DELETE FROM t WHERE id = 1",
            "VACUUM",
            "INSERT INTO t (v) VALUES (randomblob(900000))",
            "DELETE FROM t; VACUUM; INSERT INTO t (v) VALUES (randomblob(200000))",
        ]
        for step in steps {
            try database.run(step)
            #expect(try following.state() == database.checkpointed(), "\(step)")
        }
        #expect(following.doubts == [])
    }

    @Test func `a log that is started over under the pin goes on where we are`() throws {
        let following = try Following { $0.checkpointPages = 1 }
        let database = following.database
        _ = try following.state()
        let sequence = try #require(following.tail).sequence
        for step in 0..<20 {
            try database.run("INSERT INTO t (v) VALUES (randomblob(\(step * 1000)))")
            if step % 3 == 0 {
                try following.look()
                try #require(following.tail).checkpointIfDue()
            }
            // Fails while it would take the log away from us.
            if step % 5 == 0 { try database.run("PRAGMA busy_timeout=1; PRAGMA wal_checkpoint(TRUNCATE)") }
            if step % 2 == 0 { #expect(try following.state() == database.checkpointed()) }
        }
        #expect(try following.state() == database.checkpointed())
        #expect(following.doubts == [])
        #expect(try #require(following.tail).sequence > sequence)
        // It was started over at least once.
        #expect(try database.bytes("db-wal").count < 20 * 5000)
    }

    @Test func `whoever comes back goes on where the last one was`() throws {
        let following = try Following()
        _ = try following.state()
        try following.database.run("INSERT INTO t (v) VALUES (randomblob(5000))")
        following.stop()
        try following.database.run("INSERT INTO t (v) VALUES (randomblob(6000))")
        try following.start()
        #expect(try following.state() == following.database.checkpointed())
        #expect(following.doubts == [])
    }

    @Test func `a log that was started over while nobody looked is doubt`() throws {
        let following = try Following()
        _ = try following.state()
        following.stop()
        try following.database.run("INSERT INTO t (v) VALUES (randomblob(6000)); PRAGMA wal_checkpoint(TRUNCATE)")
        try following.database.run("INSERT INTO t (v) VALUES (1)")
        try following.start()
        #expect(try following.state() == following.database.checkpointed())
        #expect(following.doubts.count == 1)
    }

    /// Without a log there is nothing that would tell one moment from another.
    @Test func `a place before the first log proves nothing to the next process`() throws {
        let following = try Following()
        try following.database.run("PRAGMA journal_mode=DELETE; PRAGMA journal_mode=WAL")
        _ = try following.state()
        following.stop()
        try following.database.run("PRAGMA journal_mode=DELETE; INSERT INTO t (v) VALUES (7); PRAGMA journal_mode=WAL")
        try following.start()
        #expect(try following.state() == following.database.checkpointed())
    }

    @Test func `a large log is cut where transactions end`() throws {
        let following = try Following { $0.logBytesMax = 1 }
        _ = try following.state()
        for _ in 0..<3 { try following.database.run("INSERT INTO t (v) VALUES (randomblob(1500000))") }
        try following.look()
        #expect(following.entries.count > 1)
        #expect(try following.state() == following.database.checkpointed())
        #expect(following.doubts == [])
    }

    @Test func `files that wait too long are let go, the oldest first`() throws {
        let following = try Following { $0.stagedBytesMax = 30_000 }
        _ = try following.state()
        for _ in 0..<5 {
            try following.database.run("INSERT INTO t (v) VALUES (randomblob(10000))")
            try following.look()
        }
        #expect(following.entries.count == 2)
        #expect(following.entries.last?.sequence == following.tail?.sequence)
        #expect(try following.state() == following.database.checkpointed())
    }

    @Test func `a staged file that is not whole is not used`() throws {
        let following = try Following()
        _ = try following.state()
        for _ in 0..<3 {
            try following.database.run("INSERT INTO t (v) VALUES (randomblob(1000))")
            try following.look()
        }
        let second = following.entries[1].sequence
        following.stop()
        let folder = following.database.folder.appending(path: "state/staged").path
        let path = Staging.path(folder, second)
        try Data(Data(contentsOf: URL(filePath: path)).dropLast(3)).write(to: URL(filePath: path))
        try following.start()
        #expect(following.entries.map(\.sequence) == [second + 1])
        #expect(try following.state() == following.database.checkpointed())
    }

    @Test func `several files in one do what each did`() throws {
        let following = try Following()
        var image = try following.state()
        let sequence = try #require(following.tail).sequence
        for step in [
            "INSERT INTO t (v) VALUES (randomblob(90000))", "DELETE FROM t; VACUUM", "INSERT INTO t VALUES (9, 9)",
        ] {
            try following.database.run(step)
            try following.look()
        }
        let folder = following.database.folder.appending(path: "state/staged").path
        let run = try #require(IncrementRun(after: sequence, upTo: nil, of: following.entries, in: folder))
        #expect(run.entries.count == 3)
        let file = try run.file(TXID(rawValue: 77))
        #expect(file.position.txid == TXID(rawValue: 77))
        #expect(IncrementRun.checksum(file.bytes) == file.position.fileChecksum)
        try Following.apply(file.bytes, to: &image)
        #expect(try image == following.database.checkpointed())
        let header = try Header(file.bytes.span)
        #expect(header.walOffset >= 32)
        let bounded = try #require(IncrementRun(after: sequence, upTo: sequence + 2, of: following.entries, in: folder))
        #expect(bounded.last.sequence == sequence + 2)
        #expect(IncrementRun(after: sequence + 3, upTo: nil, of: following.entries, in: folder) == nil)
    }

    @Test func `two do not follow the same database`() throws {
        let following = try Following()
        #expect(throws: TailError.self) { try following.start() }
    }

    @Test func `a record is read as it was written, and no part of it`() throws {
        let record = TailRecord(
            lineage: .max,
            sequence: 7,
            inode: 8,
            pageSize: 4096,
            commit: 9,
            place: TailPlace(salt1: 1, salt2: .max, frameCount: 3, checksum1: 4, checksum2: 5),
            timestampMilliseconds: -1
        )
        #expect(TailRecord(record.text) == record)
        for length in 0..<record.text.count { #expect(TailRecord(String(record.text.prefix(length))) == nil) }
    }
}
