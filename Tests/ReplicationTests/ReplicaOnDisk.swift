import CSQLite
import Crypto
import FoundationEssentials
import Glibc
import ObjectStore
import StoreTestSupport
import Testing

/// A replica that the real Litestream wrote, and the database that it makes of it itself.
struct ReplicaCase: Sendable, CustomStringConvertible {
    let line: String
    let name: String
    /// Of the database that `litestream restore` makes.
    let sha256: String

    var description: String { "\(line)/\(name)" }

    static let all = [
        Self("0.5", "checkpoints", "8a1fdde003804d3f5b59ef0a0e5e2eca2e43276a48c46bc62efce0c889ffd06d"),
        Self("0.5", "fruits", "450636c2950a9bcc012ef3b7445cc8f97fa8b7ef54a8823a84b604d2111fc150"),
        Self("0.5", "fruits-frames-0.5.11", "0056d0bcae99469932693d8ced521bb70a11818fae7e462e511631ea1d4ac063"),
        Self("0.5", "fruits-s3-layout", "450636c2950a9bcc012ef3b7445cc8f97fa8b7ef54a8823a84b604d2111fc150"),
        Self("0.5", "grow-again", "85f71d3c540dac7eec7a95dd21e830b913e6f09a0f1bbd6e9b9a9bbae650fe34"),
        Self("0.5", "page-size-4096", "713af7814eacc5431996c4013870d197bac14816efaa703d0baa39286c426709"),
        Self("0.5", "page-size-512", "76cdf37134d5187408bc97166723c149471bea46b8bee162be9dfe1cbb7960a1"),
        Self("0.5", "page-size-65536", "07e0b3fb5a76a79cf272b8b331cd5c67ae39d6a87d09ccb62b85d6ffc482a954"),
        Self("0.5", "pitr", "771c271e0dc00ca2cd79305f0d7e8ee1a7e3e7d6ac0889673398e36de6e3c4d0"),
        Self("0.5", "restarted", "dd031290f1225ccf45bfccccb874767d65ae6deabc25eb824f03d701ede4f3d7"),
        Self("0.5", "shrunk", "7d1d2f9e8093a052c77884837e6276b0221537f857c9cf088d8001a59d73a061"),
        Self("0.3", "checkpoints", "819860c9d00d8c7435d5d7688f115e00815412f244283e83ef33e4e579ef4c3f"),
        Self("0.3", "fruits", "9884ab602135b0ae65647bfe7056ad28d1c15dd8bcb0c867abbff8351c9d652c"),
        Self("0.3", "grow-again", "85f71d3c540dac7eec7a95dd21e830b913e6f09a0f1bbd6e9b9a9bbae650fe34"),
        Self("0.3", "page-size-4096", "713af7814eacc5431996c4013870d197bac14816efaa703d0baa39286c426709"),
        Self("0.3", "page-size-512", "76cdf37134d5187408bc97166723c149471bea46b8bee162be9dfe1cbb7960a1"),
        Self("0.3", "page-size-65536", "20326056efbe0dbc6678edb5f7c9621df08990c917fa98f15cd754d12bf88dbd"),
        Self("0.3", "pitr", "baf798c1945e4142d6aaa0ce2c7365a67c0bd59a0249a17094891f4826993f03"),
        Self("0.3", "shrunk", "7d1d2f9e8093a052c77884837e6276b0221537f857c9cf088d8001a59d73a061"),
        Self("0.3", "two-generations", "e6333956962f19a68b2a2b2fa73106116c5c3fb0eb72417c4b20da0322d1e28b"),
    ]

    static func named(_ line: String, _ name: String) -> Self {
        guard let found = all.first(where: { $0.line == line && $0.name == name }) else { fatalError("no \(name)") }
        return found
    }

    private init(_ line: String, _ name: String, _ sha256: String) {
        (self.line, self.name, self.sha256) = (line, name, sha256)
    }

    /// Puts its objects below `root`, with the times at which they were written.
    func copy(to root: String) throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let here = tests.appending(path: "ReplicationTests/Fixtures/litestream-\(line)/\(name)")
        if FileManager.default.fileExists(atPath: here.path) {
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            for entry in try FileManager.default.contentsOfDirectory(atPath: here.path + "/replica") {
                try FileManager.default.copyItem(atPath: here.path + "/replica/" + entry, toPath: "\(root)/\(entry)")
            }
            guard line == "0.3" else { return }
            let times = try JSONDecoder().decode(
                [String: Int64].self,
                from: Data(contentsOf: here.appending(path: "times.json"))
            )
            for (key, time) in times { try setTime("\(root)/\(key)", milliseconds: time) }
            return
        }
        let levels = tests.appending(path: "LTXTests/Fixtures/\(name)").path
        for level in try FileManager.default.contentsOfDirectory(atPath: levels) {
            let folder = name.hasSuffix("s3-layout") ? "\(root)/000\(level)" : "\(root)/ltx/\(level)"
            try FileManager.default.createDirectory(
                atPath: URL(filePath: folder).deletingLastPathComponent().path,
                withIntermediateDirectories: true
            )
            try FileManager.default.copyItem(atPath: "\(levels)/\(level)", toPath: folder)
        }
    }
}

func setTime(_ path: String, milliseconds: Int64) throws {
    let time = timespec(tv_sec: Int(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
    guard utimensat(AT_FDCWD, path, [time, time], 0) == 0 else { throw CocoaError(.fileWriteUnknown) }
}

func sha256(_ path: String) throws -> String {
    let digest = try DigestAlgorithm.sha256.digest(Array(Data(contentsOf: URL(filePath: path))))
    return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// The files below a folder, as keys.
func keys(below root: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: root).filter { path in
        var isFolder = false
        return FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder) && !isFolder
    }.sorted()
}

/// A store that does something else before it answers for a key.
struct HookedStore: InterceptedStore {
    let inner: any ObjectStore
    let beforeGet: @Sendable (String) async throws(ObjectStoreError) -> Void

    func before(_ operation: ObjectStoreError.Operation, _ key: String) async throws(ObjectStoreError) {
        if operation == .get { try await beforeGet(key) }
    }
}

/// The first column of a query's rows, in a database file.
func query(_ sql: String, ofFile path: String) throws -> [String] {
    var (handle, statement) = (OpaquePointer?.none, OpaquePointer?.none)
    defer { sqlite3_close(handle) }
    try #require(sqlite3_open(path, &handle) == SQLITE_OK)
    try #require(sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK)
    defer { sqlite3_finalize(statement) }
    var rows: [String] = []
    while sqlite3_step(statement) == SQLITE_ROW { rows.append(String(cString: sqlite3_column_text(statement, 0))) }
    return rows
}
