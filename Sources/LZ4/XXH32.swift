/// The 32-bit xxHash with seed zero, which LZ4 frames carry.
///
/// - SeeAlso: <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>
struct XXH32 {
    private static let prime1: UInt32 = 0x9E37_79B1
    private static let prime2: UInt32 = 0x85EB_CA77
    private static let prime3: UInt32 = 0xC2B2_AE3D
    private static let prime4: UInt32 = 0x27D4_EB2F
    private static let prime5: UInt32 = 0x1656_67B1
    private static let stripeSize = 16

    /// Four sums side by side, each of every fourth word.
    ///
    /// Not a vector: the smallest x86-64 has no vector instruction for their products.
    private struct Lanes {
        var first = prime1 &+ prime2
        var second = prime2
        var third: UInt32 = 0
        var fourth = 0 &- prime1

        /// Takes in the stripe at `offset`.
        @inline(__always)
        mutating func mix(_ bytes: RawSpan, at offset: Int) {
            precondition(offset >= 0 && bytes.byteCount &- offset >= stripeSize)
            first = Self.mixed(first, word(bytes, offset))
            second = Self.mixed(second, word(bytes, offset &+ 4))
            third = Self.mixed(third, word(bytes, offset &+ 8))
            fourth = Self.mixed(fourth, word(bytes, offset &+ 12))
        }

        @inline(__always)
        private static func mixed(_ lane: UInt32, _ word: UInt32) -> UInt32 {
            rotate(lane &+ word &* prime2, by: 13) &* prime1
        }
    }

    private var lanes = Lanes()
    private var size: UInt64 = 0
    /// What came after the last whole stripe.
    private var rest: [UInt8] = []

    /// The hash of `bytes`.
    static func hash(_ bytes: Span<UInt8>) -> UInt32 {
        var hash = Self()
        hash.update(bytes)
        return hash.value
    }

    /// Takes in the bytes that follow those before.
    mutating func update(_ bytes: Span<UInt8>) {
        size &+= UInt64(bytes.count)
        var (lanes, at) = (lanes, 0)
        defer { self.lanes = lanes }
        if !rest.isEmpty {
            while rest.count < Self.stripeSize, at < bytes.count {
                rest.append(bytes[at])
                at += 1
            }
            guard rest.count == Self.stripeSize else { return }
            lanes.mix(rest.span.bytes, at: 0)
            rest.removeAll(keepingCapacity: true)
        }
        let raw = bytes.bytes
        while raw.byteCount &- at >= Self.stripeSize {
            lanes.mix(raw, at: at)
            at &+= Self.stripeSize
        }
        while at < bytes.count {
            rest.append(bytes[at])
            at += 1
        }
    }

    /// The hash of everything so far.
    var value: UInt32 {
        var hash = Self.prime5
        if size >= UInt64(Self.stripeSize) {
            hash = Self.rotate(lanes.first, by: 1) &+ Self.rotate(lanes.second, by: 7)
            hash &+= Self.rotate(lanes.third, by: 12) &+ Self.rotate(lanes.fourth, by: 18)
        }
        hash &+= UInt32(truncatingIfNeeded: size)
        var at = 0
        while rest.count - at >= 4 {
            hash &+= Self.word(rest.span.bytes, at) &* Self.prime3
            hash = Self.rotate(hash, by: 17) &* Self.prime4
            at += 4
        }
        while at < rest.count {
            hash &+= UInt32(rest[at]) &* Self.prime5
            hash = Self.rotate(hash, by: 11) &* Self.prime1
            at += 1
        }
        hash = (hash ^ (hash &>> 15)) &* Self.prime2
        hash = (hash ^ (hash &>> 13)) &* Self.prime3
        return hash ^ (hash &>> 16)
    }

    /// The word at an offset that the caller has checked.
    @inline(__always)
    private static func word(_ bytes: RawSpan, _ offset: Int) -> UInt32 {
        UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inline(__always)
    private static func rotate(_ word: UInt32, by count: UInt32) -> UInt32 {
        word &<< count | word &>> (32 &- count)
    }
}
