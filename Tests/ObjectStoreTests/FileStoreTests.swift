import Foundation
import ObjectStore
import StoreTestSupport
import Testing

/// What a store of files does beyond the contract.
@Suite struct FileStoreTests {
    /// Looks at the store in the middle of an upload.
    private final class Spy: ByteSource {
        let look: @Sendable () async throws -> Void
        let pieces = BytesSource([UInt8](repeating: 1, count: 3 << 20))
        init(look: @escaping @Sendable () async throws -> Void) { self.look = look }

        func read(_ count: Int) async throws -> [UInt8] {
            try await look()
            return pieces.read(count)
        }
    }

    @Test func `an unfinished upload is neither listed nor read, and leaves the old object`() async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: folder)
            try await store.put("a/k", [7])
            _ = try await store.put(
                "a/k",
                from: Spy {
                    let keys = try await store.listAll("").map(\.key)
                    let bytes = try await store.get("a/k").bytes
                    #expect(keys == ["a/k"] && bytes == [7])
                }
            )
            #expect(try await store.head("a/k").size == 3 << 20)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/a") == ["k"])
        }
    }

    @Test func `what a killed process left unfinished is no key`() async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: folder)
            try await store.put("a/k", [7])
            #expect(FileManager.default.createFile(atPath: folder + "/a/.tmp-1f", contents: Data([1])))
            #expect(try await store.listAll("").map(\.key) == ["a/k"])
            await expect(.invalidKey) { try await store.get("a/.tmp-1f") }
            await expect(.invalidKey) { try await store.createIfAbsent(".tmp-x/k", [1]) }
        }
    }

    @Test func `a folder that does not exist is an empty store, and is made by the first write`() async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: folder + "/not/yet/there/")
            #expect(try await store.listAll("") == [])
            await expect(.notFound) { try await store.get("k") }
            _ = try await store.createIfAbsent("x/k", [1])
            #expect(FileManager.default.fileExists(atPath: folder + "/not/yet/there/x/k"))
        }
    }

    @Test func `a file where the store's folder should be is an error, not an empty store`() async throws {
        try await withTemporaryFolder { folder in
            #expect(FileManager.default.createFile(atPath: folder + "/file", contents: Data()))
            let store = FileStore(root: folder + "/file")
            await expect(.rejected) { try await store.listAll("") }
            await expect(.rejected) { try await store.createIfAbsent("k", [1]) }
        }
    }

    /// Runs a command of the system, and tells whether it worked.
    private static func run(_ arguments: String...) -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    private static func mountSmall(_ folder: String) -> Bool {
        run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
    }

    private static let mayMount: Bool = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "may-mount-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return mountSmall(folder) && run("umount", folder)
    }()

    @Test(.enabled(if: mayMount, "a file system that fills needs the right to mount one"))
    func `a full disk is told as such, leaves nothing behind, and is not an object`() async throws {
        try await withTemporaryFolder { folder in
            #expect(Self.mountSmall(folder))
            defer { #expect(Self.run("umount", folder)) }
            let store = FileStore(root: folder)
            let big = [UInt8](repeating: 1, count: 100_000)
            await expect(.unavailable) { try await store.createIfAbsent("k", big) }
            await expect(.unavailable) { try await store.put("k", big) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
            _ = try await store.createIfAbsent("k", [1])
        }
    }

    @Test func `what is linked from elsewhere is listed and read, and a dead link is no object`() async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: folder + "/store")
            try await store.put("a/k", [7])
            let manager = FileManager.default
            try manager.createSymbolicLink(atPath: folder + "/store/b", withDestinationPath: folder + "/store/a")
            try manager.createSymbolicLink(atPath: folder + "/store/dead", withDestinationPath: folder + "/none")
            #expect(try await store.listAll("").map(\.key) == ["a/k", "b/k"])
            #expect(try await store.get("b/k").bytes == [7])
        }
    }
}
