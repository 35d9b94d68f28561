import Foundation
import SQLite
import TestSupport
import Testing

@Suite struct FolderLockTests {
    @Test func `the second holder is refused, and told who has it`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            let lock = try FolderLock(besides: path, patience: .zero)
            let failure = try #require(throws: FolderLock.Failure.self) {
                try FolderLock(besides: path, patience: .zero)
            }
            guard case .held(let process) = failure else { throw failure }
            #expect(process == Int(getpid()))
            withExtendedLifetime(lock) {}
        }
    }

    @Test func `another name of the same file is the same lock`() async throws {
        try await withTemporaryFolder { folder in
            _ = try Connection("\(folder)/real.db", .readWrite)
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/link.db",
                withDestinationPath: "\(folder)/real.db"
            )
            let lock = try FolderLock(besides: "\(folder)/real.db", patience: .zero)
            for path in ["\(folder)/link.db", "\(folder)/../\(folder.split(separator: "/").last ?? "")/real.db"] {
                #expect(throws: FolderLock.Failure.self, "\(path)") { try FolderLock(besides: path, patience: .zero) }
            }
            withExtendedLifetime(lock) {}
        }
    }

    @Test func `it can be taken again when it was let go, also by one who waits`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            for _ in 0..<2 { _ = try FolderLock(besides: path, patience: .zero) }

            let lock = try FolderLock(besides: path, patience: .zero)
            let waiting = Task.detached { try FolderLock(besides: path, patience: .seconds(600)) }
            try await Task.sleep(for: .milliseconds(50))
            _ = consume lock
            _ = try await waiting.value
        }
    }

    @Test func `a folder that is not there is named`() async throws {
        let failure = try #require(throws: FolderLock.Failure.self) {
            try FolderLock(besides: "/nowhere/at/all.db", patience: .zero)
        }
        guard case .inaccessible(let path, let reason) = failure else { throw failure }
        #expect(path == "/nowhere/at/all.db.lock")
        #expect(reason == "No such file or directory")
    }

    @Test func `a process that dies lets go`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            let child = Task {
                await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                    let lock = try FolderLock(besides: path, patience: .zero)
                    // Longer than the other tests can keep the one that ends it from its turn.
                    try await Task.sleep(for: .seconds(600))
                    withExtendedLifetime(lock) {}
                }
            }
            kill(try await holder(of: path), SIGKILL)
            _ = await child.value
            _ = try FolderLock(besides: path, patience: .zero)
        }
    }

    /// The process that has the lock, as soon as one has it.
    private func holder(of path: String) async throws -> pid_t {
        let deadline = ContinuousClock.now.advanced(by: .seconds(600))
        while ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
            // Looking must not take it.
            guard let text = try? String(contentsOfFile: "\(path).lock", encoding: .utf8), text.hasSuffix("\n"),
                let process = pid_t(text.dropLast())
            else { continue }
            return process
        }
        throw SQLiteError.unreadable("nobody took the lock")
    }
}
