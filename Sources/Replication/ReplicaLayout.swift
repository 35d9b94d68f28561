package import LTX
package import ObjectStore

/// How the files of an LTX replica are named: Litestream has its own way for S3, and one for all other stores.
package enum ReplicaLayout: Sendable, CaseIterable {
    /// `0009/<min>-<max>.ltx`, on S3.
    case bucket
    /// `/0009/<min>-<max>.ltx`, on S3 where the replica has no path: Litestream joins path and level by a slash.
    case bucketRoot
    /// `ltx/9/<min>-<max>.ltx`, everywhere else.
    case folder

    /// How Litestream names them there.
    package init(_ settings: StoreSettings) {
        self = settings.kind != .s3 ? .folder : settings.hasPath ? .bucket : .bucketRoot
    }

    /// The layout that names a key so.
    init?(of key: String) {
        guard let layout = Self.allCases.first(where: { $0.parse(key) != nil }) else { return nil }
        self = layout
    }

    /// The level whose files hold the whole database.
    package static let snapshotLevel = 9

    /// What the keys of all levels begin with.
    var prefix: String {
        switch self {
        case .bucket: "000"
        case .bucketRoot: "/000"
        case .folder: "ltx/"
        }
    }

    /// What the keys of level 0 begin with.
    var levelZeroPrefix: String { "\(prefix)0/" }

    /// Behind all keys of level 0 and before those of the levels above.
    var levelZeroEnd: String { "\(levelZeroPrefix)~" }

    package func key(level: Int, min: TXID, max: TXID) -> String {
        precondition((0...Self.snapshotLevel).contains(level), "level \(level)")
        return "\(prefix)\(level)/\(min)-\(max).ltx"
    }

    /// Level and transactions, or nil for a key that is not one of a finished file.
    func parse(_ key: String) -> (level: Int, min: TXID, max: TXID)? {
        guard key.hasPrefix(prefix) else { return nil }
        let parts = key.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 1, let level = Int(parts[0]), parts[1].hasSuffix(".ltx") else {
            return nil
        }
        let txids = parts[1].dropLast(4).split(separator: "-", omittingEmptySubsequences: false)
        guard txids.count == 2, let min = TXID(txids[0]), let max = TXID(txids[1]), min.rawValue > 0, min <= max else {
            return nil
        }
        return (level, min, max)
    }
}
