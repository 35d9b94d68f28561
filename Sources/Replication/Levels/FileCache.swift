/// Files that will be compacted soon, as far as they fit, so that this costs no requests.
///
/// Holds only files that are in the store.
struct FileCache: Sendable {
    private let byteCountMax: Int
    private var files: [String: [UInt8]] = [:]
    /// In the order in which they came; those before `first`, and some others, are gone.
    private var order: [String] = []
    private var first = 0
    private(set) var byteCount = 0

    init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

    subscript(key: String) -> [UInt8]? { files[key] }

    /// Keeps a file, and lets go of the oldest ones for it; one that is too large is not kept.
    mutating func add(_ bytes: [UInt8], _ key: String) {
        guard files[key] == nil, bytes.count <= byteCountMax else { return }
        while byteCount + bytes.count > byteCountMax, first < order.count {
            remove(order[first])
            first += 1
        }
        files[key] = bytes
        order.append(key)
        byteCount += bytes.count
    }

    /// Lets go of what was compacted.
    mutating func remove(_ keys: [String]) {
        for key in keys { remove(key) }
        while first < order.count, files[order[first]] == nil { first += 1 }
        guard first > order.count / 2 else { return }
        order.removeFirst(first)
        first = 0
    }

    private mutating func remove(_ key: String) {
        if let bytes = files.removeValue(forKey: key) { byteCount -= bytes.count }
    }
}
