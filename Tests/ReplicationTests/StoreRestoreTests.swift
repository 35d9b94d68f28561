import Foundation
import HTTPClient
import LTX
import ObjectStore
import Replication
import StoreTestSupport
import Testing

/// Restores from real servers of S3, which list, cut into ranges and name states each in their own way.
@Suite struct StoreRestoreTests {
    private static var servers: [RealPeer] { [.moto, .rclone].filter(\.isWanted) }

    /// Puts a replica into the store, oldest object first, under the names that Litestream uses on S3.
    private func upload(
        _ replica: ReplicaCase,
        from root: String,
        to store: any ObjectStore,
        levelPrefix: String = "000"
    ) async throws {
        try replica.copy(to: root)
        let files = FileStore(root: root)
        let objects = try await files.listAll("").sorted {
            ($0.lastModified?.unixMilliseconds ?? 0, $0.key) < ($1.lastModified?.unixMilliseconds ?? 0, $1.key)
        }
        for object in objects {
            let key = object.key.hasPrefix("ltx/") ? levelPrefix + object.key.dropFirst(4) : object.key
            try await store.put(key, try await files.get(object.key).bytes)
        }
    }

    @Test(
        arguments: servers,
        [
            ReplicaCase.named("0.5", "pitr"), .named("0.5", "page-size-65536"), .named("0.5", "fruits-s3-layout"),
            .named("0.3", "checkpoints"), .named("0.3", "grow-again"),
        ]
    )
    func `a replica on a real server becomes the same database as from files`(
        server: RealPeer,
        replica: ReplicaCase
    ) async throws {
        try await server.withStore { store in
            try await withTemporaryFolder { folder in
                try await upload(replica, from: "\(folder)/replica", to: store)
                _ = try await Restorer(store).restore(to: "\(folder)/out.db")
                #expect(try sha256("\(folder)/out.db") == replica.sha256)
            }
        }
    }

    // rclone has files below its buckets, and for them a doubled slash is one.
    @Test(arguments: [.moto].filter(\.isWanted) as [RealPeer])
    func `keys that begin with a slash, as Litestream makes them at the root of a bucket, are a replica`(
        server: RealPeer
    ) async throws {
        let bucket = "root-\(UUID().uuidString.lowercased())"
        try await server.withStore(bucket: bucket, path: "") { store in
            try await withTemporaryFolder { folder in
                let replica = ReplicaCase.named("0.5", "pitr")
                try await upload(replica, from: "\(folder)/replica", to: store, levelPrefix: "/000")
                _ = try await Restorer(store).restore(to: "\(folder)/out.db")
                #expect(try sha256("\(folder)/out.db") == replica.sha256)
            }
        }
    }

    @Test(arguments: servers)
    func `a time is that of the transactions, not that of the upload`(server: RealPeer) async throws {
        try await server.withStore { store in
            try await withTemporaryFolder { folder in
                try await upload(.named("0.5", "pitr"), from: "\(folder)/replica", to: store)
                let target = RestorePlan.Target.time(milliseconds: 1_795_220_499_201)
                _ = try await Restorer(store).restore(to: "\(folder)/out.db", target)
                #expect(try query("SELECT count(*) FROM ev", ofFile: "\(folder)/out.db") == ["4"])
            }
        }
    }

    @Test(arguments: servers)
    func `objects of many pieces are put together in order`(server: RealPeer) async throws {
        let (pageSize, count) = (4096, 5000)
        var random = SystemRandomNumberGenerator()
        let words = (0..<(pageSize / 8)).map { _ in random.next() }
        let header = Header(
            pageSize: UInt32(pageSize),
            commit: UInt32(count),
            minTXID: TXID(rawValue: 1),
            maxTXID: TXID(rawValue: 1),
            timestampMilliseconds: 1
        )
        var (bytes, expected) = ([UInt8](), [UInt8]())
        var encoder = try Encoder(header, into: &bytes)
        for number in 1...UInt32(count) {
            // Every page another, and none that compresses.
            let page = words.flatMap { word in withUnsafeBytes(of: word &* UInt64(2 * number + 1)) { Array($0) } }
            try encoder.append(page: number, page.span, into: &bytes)
            expected += page
        }
        _ = try encoder.finish(into: &bytes)
        #expect(bytes.count > 4 * (4 << 20), "this is more than four pieces")
        let object = bytes
        try await server.withStore { store in
            try await store.put("0009/\(header.minTXID)-\(header.maxTXID).ltx", object)
            try await withTemporaryFolder { folder in
                _ = try await Restorer(store).restore(to: "\(folder)/out.db", check: .none)
                let restored = [UInt8](try Data(contentsOf: URL(filePath: "\(folder)/out.db")))
                #expect(restored == expected)
            }
        }
    }

    @Test(arguments: servers)
    func `a prefix without anything is no replica, and a bucket that is missing is a failure`(
        server: RealPeer
    ) async throws {
        try await server.withStore { store in
            let error = await #expect(throws: RestoreError.self) { try await Restorer(store).plan() }
            guard case .plan(.noReplica) = error else { throw try #require(error) }
        }
        let port = try await server.start().port
        var settings = StoreSettings(kind: .s3)
        (settings.bucket, settings.endpoint) = ("no-such-bucket", "http://127.0.0.1:\(port)")
        (settings.accessKeyID, settings.secretAccessKey) = ("testkey", "testsecret")
        let http = HTTPClient(bundle: CABundle.find(ProcessInfo.processInfo.environment))
        let store = try settings.open(StoreEnvironment(variables: [:], http: http))
        let error = await #expect(throws: RestoreError.self) { try await Restorer(store).plan() }
        guard case .store(let failure) = error else { throw try #require(error) }
        #expect(failure.kind == .bucketMissing)
    }
}
