/// What the key of an object says about its place in the log, in either of Litestream's layouts.
///
/// Read here once more, on purpose: what disturbs the service must not trust the service's own reading.
struct LogKey: Equatable {
    let level: Int
    let minTXID: UInt64
    let maxTXID: UInt64
    /// What the keys of level 0 begin with.
    private let level0: String

    init?(_ key: String) {
        let parts = key.split(separator: "/")
        guard let name = parts.last, name.hasSuffix(".ltx"), name.utf8.count == 37 else { return nil }
        switch parts.dropLast() {
        case let folders where folders.count == 1 && folders[0].count == 4:
            (level, level0) = (Int(folders[0]) ?? -1, "0000/")
        case let folders where folders.count == 2 && folders[0] == "ltx":
            (level, level0) = (Int(folders[1]) ?? -1, "ltx/0/")
        default: return nil
        }
        guard let minTXID = UInt64(name.prefix(16), radix: 16), (0...9).contains(level),
            let maxTXID = UInt64(name.dropLast(4).suffix(16), radix: 16), minTXID <= maxTXID
        else { return nil }
        (self.minTXID, self.maxTXID) = (minTXID, maxTXID)
    }

    private static let coveredMax: UInt64 = 4096

    /// The level-0 keys that a file of a higher level makes unnecessary, but for the newest: the last few thousand.
    var coveredKeys: [String] {
        guard level > 0, maxTXID > minTXID else { return [] }
        let first = max(minTXID, maxTXID > Self.coveredMax ? maxTXID - Self.coveredMax : 1)
        return (first..<maxTXID).map { number in
            let digits = String(number, radix: 16)
            let txid = String(repeating: "0", count: 16 - digits.count) + digits
            return "\(level0)\(txid)-\(txid).ltx"
        }
    }
}
