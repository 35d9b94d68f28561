package import Foundation

/// A server in a process of its own, which ends when this process does.
package final class Peer: Sendable {
    package let port: Int
    /// Everything else that the server said about itself.
    package let facts: [String: String]
    private let input: Pipe

    /// Starts `Tests/StorePeers/<arguments>` and waits until it says on which port it listens.
    package static func start(_ script: String, _ arguments: String...) async throws -> Peer {
        // On a thread of its own: Ceph takes twenty seconds, and the pool has as many threads as there are cores.
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try Peer(script, arguments) }) }
        }
    }

    private init(_ script: String, _ arguments: [String]) throws {
        let python = Self.python
        let process = Process()
        process.executableURL = python
        process.arguments =
            (python.lastPathComponent == "env" ? ["python3"] : []) + [Self.folder.appending(path: script).path]
            + arguments
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        self.input = input  // held open: its end is what stops the server
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            let byte = try output.fileHandleForReading.read(upToCount: 1) ?? Data()
            guard !byte.isEmpty else { throw PeerError(message: "\(script) \(arguments) ended before it was ready") }
            line += byte
        }
        guard let ready = try JSONSerialization.jsonObject(with: line) as? [String: Any],
            let port = ready["port"] as? Int
        else { throw PeerError(message: "\(script) says \(String(decoding: line, as: UTF8.self))") }
        self.port = port
        facts = ready.mapValues { "\($0)" }
    }

    /// The tests' folder of peers and fakes.
    package static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "StorePeers")

    /// The Python of the virtual environment with `requirements-stores.txt`, or the system's for the fakes.
    package static let python: URL = {
        let environment = folder.deletingLastPathComponent().deletingLastPathComponent().appending(
            path: ".venv/bin/python"
        )
        let isThere = FileManager.default.isExecutableFile(atPath: environment.path)
        return isThere ? environment : URL(filePath: "/usr/bin/env")
    }()
}

package struct PeerError: Error, CustomStringConvertible {
    package let message: String
    package init(message: String) { self.message = message }
    package var description: String { message }
}

/// Servers that several tests share, each started once, by the first that asks.
package actor SharedPeers {
    package static let shared = SharedPeers()
    private var starting: [String: Task<Peer, any Error>] = [:]

    package func peer(_ script: String, _ argument: String = "") async throws -> Peer {
        let name = "\(script) \(argument)"
        let task = starting[name] ?? Task { try await Peer.start(script, argument) }
        starting[name] = task
        return try await task.value
    }
}

/// A real server of the tests, and whether it can run on this machine.
package enum RealPeer: String, Sendable, CaseIterable {
    case moto, rclone, gcs, radosgw

    /// `STORE_PEERS=required`, which CI sets, makes a missing one fail instead of being left out.
    package var isWanted: Bool {
        let needed = self == .radosgw ? "/usr/bin/radosgw" : Peer.python.path
        let isInstalled = self == .radosgw || Peer.python.lastPathComponent == "python"
        return ProcessInfo.processInfo.environment["STORE_PEERS"] == "required"
            || isInstalled && FileManager.default.isExecutableFile(atPath: needed)
    }

    package func start() async throws -> Peer { try await SharedPeers.shared.peer("peer.py", rawValue) }
}

/// Runs `body` with a new folder that is gone afterwards.
package func withTemporaryFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(path: "store-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder.path)
}
