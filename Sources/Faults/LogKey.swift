/// What the key of an object says about its place in the log, in either of Litestream's layouts.
///
/// Read here once more, on purpose: what disturbs the service must not trust the service's own reading.
struct LogKey: Equatable {
    let level: Int
    /// The last transaction in it.
    let maxTXID: UInt64

    init?(_ key: String) {
        let parts = key.split(separator: "/")
        guard let name = parts.last, name.hasSuffix(".ltx"), name.utf8.count == 37 else { return nil }
        switch parts.dropLast() {
        case let folders where folders.count == 1 && folders[0].count == 4: level = Int(folders[0]) ?? -1
        case let folders where folders.count == 2 && folders[0] == "ltx": level = Int(folders[1]) ?? -1
        default: return nil
        }
        guard let maxTXID = UInt64(name.dropLast(4).suffix(16), radix: 16), (0...9).contains(level) else { return nil }
        self.maxTXID = maxTXID
    }

    /// The key of the level-0 file that is `count` transactions older; nil if this is no level-0 file.
    static func level0(_ key: String, before count: UInt64) -> String? {
        guard let place = LogKey(key), place.level == 0, place.maxTXID > count else { return nil }
        let digits = String(place.maxTXID - count, radix: 16)
        let txid = String(repeating: "0", count: 16 - digits.count) + digits
        return key.dropLast(37) + "\(txid)-\(txid).ltx"
    }
}
