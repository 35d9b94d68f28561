/// Which page each of several files has next, lowest first, and of the same page the newest file first.
///
/// A binary heap. Page number and file are one integer, so that one comparison gives this order.
struct PageQueue: Sendable {
    private var keys: [UInt64] = []

    mutating func insert(page: UInt32, file: Int) {
        keys.append(UInt64(page) << 32 | UInt64(UInt32.max - UInt32(file)))
        var child = keys.count - 1
        while child > 0, keys[child] < keys[(child - 1) / 2] {
            keys.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popFirst() -> (page: UInt32, file: Int)? {
        guard let first = keys.first else { return nil }
        keys.swapAt(0, keys.count - 1)
        keys.removeLast()
        var parent = 0
        while 2 * parent + 1 < keys.count {
            var child = 2 * parent + 1
            if child + 1 < keys.count, keys[child + 1] < keys[child] { child += 1 }
            guard keys[child] < keys[parent] else { break }
            keys.swapAt(parent, child)
            parent = child
        }
        return (UInt32(first >> 32), Int(UInt32.max - UInt32(truncatingIfNeeded: first)))
    }

    /// Takes the first one only if it is for this page, and returns its file.
    mutating func popFirst(ifPage page: UInt32) -> Int? {
        guard let first = keys.first, UInt32(first >> 32) == page else { return nil }
        return popFirst()?.file
    }
}
