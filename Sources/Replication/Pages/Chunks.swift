/// Bytes that come in pieces of one size and go in pieces of another.
struct Chunks {
    /// New ones are appended here.
    var bytes: [UInt8]
    private var taken = 0

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    var count: Int { bytes.count - taken }

    /// The first `countMax` bytes, or all.
    mutating func take(_ countMax: Int) -> [UInt8] {
        let piece = Array(bytes[taken..<min(bytes.count, taken + countMax)])
        taken += piece.count
        // Moving what is left costs as much as was taken, at most.
        if taken >= count {
            bytes.removeFirst(taken)
            taken = 0
        }
        return piece
    }
}
