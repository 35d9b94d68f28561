import Foundation
import SQLite
import TestSupport
import Testing

/// What another process does to the same file, and what is left of one that was cut off.
@Suite struct CrashTests {
    @Test(arguments: [1, 50, 400])
    func `what was answered before a kill -9 is there afterwards, and the file is whole`(writes: Int) async throws {
        try await withTemporaryFolder { folder in
            let (path, log) = ("\(folder)/test.db", "\(folder)/acknowledged")
            try makeItems(path)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = path as String, log = log as String, writes = writes as Int] in
                var configuration = Database.Configuration()
                configuration.checkpointPages = 20
                let database = try Database(path, configuration: configuration)
                let descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
                // Four write at once; the one whose answers reach `writes` pulls the plug on all.
                await withTaskGroup { group in
                    for writer in 0..<4 {
                        group.addTask {
                            for number in 0... {
                                let name = "\(writer)-\(number)"
                                do { try await database.write { try $0.insert(name) } } catch { _exit(1) }
                                write(descriptor, "\(name)\n", name.utf8.count + 1)
                                if writer == 0, number == writes { kill(getpid(), SIGKILL) }
                            }
                        }
                    }
                }
            }
            let acknowledged = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(acknowledged.count > writes)
            let database = try Database(path)
            #expect(Set(acknowledged).subtracting(try database.names()) == [])
            let check = try database.read { try $0.first("PRAGMA integrity_check") { $0.text(0) } }
            #expect(check == "ok")
            try await database.write { try $0.insert("after") }
            database.close()
            #expect(fileSize("\(path)-wal") == 0)
        }
    }

    @Test func `when the file may not grow, writes fail clearly, reads go on, and later writes succeed`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            try makeItems(path)
            await #expect(processExitsWith: .success) { [path = path as String] in
                signal(SIGXFSZ, SIG_IGN)
                let database = try Database(path)
                try await database.write { try $0.insert("before") }
                var limit = rlimit(rlim_cur: 64 << 10, rlim_max: rlim_t.max)
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                try await expectRefusal(database)
                limit.rlim_cur = rlim_t.max
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                try await database.write { try $0.insert("after") }
                let names = try database.names()
                guard names == ["after", "before"] else { fatalError("\(names)") }
                database.close()
            }
        }
    }

    @Test(.enabled(if: TinyDisk.canMount, "needs the right to mount"))
    func `on a full disk writes fail clearly, reads go on, and later writes succeed`() async throws {
        try await withTemporaryFolder { folder in
            let disk = try TinyDisk(at: "\(folder)/disk", size: "256k")
            let path = "\(disk.path)/test.db"
            try makeItems(path)
            let database = try Database(path)
            try await database.write { try $0.insert("before") }
            try Data(count: 100 << 10).write(to: URL(filePath: "\(disk.path)/ballast"))
            try await expectRefusal(database)
            try FileManager.default.removeItem(atPath: "\(disk.path)/ballast")
            try await database.write { try $0.insert("after") }
            #expect(try database.names() == ["after", "before"])
            database.close()
        }
    }

    @Test func `two processes that write the same file wait for each other`() async throws {
        try await withDatabase { database, path in
            let other = try Connection(path, .readWrite)
            try other.begin()
            try other.insert("other")
            async let write = database.write { try $0.insert("ours") }
            try await Task.sleep(for: .milliseconds(100))
            try other.commit()
            _ = try await write
            #expect(try database.names() == ["other", "ours"])
        }
    }
}

/// Writes more than fits, and sees that it was refused as a whole.
private func expectRefusal(_ database: Database) async throws {
    let before = try database.names()
    do {
        try await database.write { connection in
            for number in 0..<20 {
                try connection.run(
                    "INSERT INTO items (name) VALUES (?1 || hex(zeroblob(20000)))",
                    .integer(Int64(number))
                )
            }
        }
        fatalError("it fitted")
    } catch WriteFailure.notCommitted(let cause as SQLiteError) {
        guard cause.message == "disk I/O error" || cause.isFull else { throw cause }
    }
    guard try database.names() == before else { fatalError("half of it is there") }
}

/// A file system of its own, gone with the value.
private final class TinyDisk {
    let path: String

    init(at path: String, size: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(size)") == 0 else { throw CocoaError(.fileWriteUnknown) }
        self.path = path
    }

    deinit { umount2(path, 2) }

    static let canMount: Bool = {
        let path = FileManager.default.temporaryDirectory.appending(path: "holdfast-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        return (try? TinyDisk(at: path, size: "64k")) != nil
    }()
}
