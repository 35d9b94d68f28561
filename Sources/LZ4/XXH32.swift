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

    private var lanes = SIMD4<UInt32>(prime1 &+ prime2, prime2, 0, 0 &- prime1)
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
        var at = 0
        if !rest.isEmpty {
            while rest.count < Self.stripeSize, at < bytes.count {
                rest.append(bytes[at])
                at += 1
            }
            guard rest.count == Self.stripeSize else { return }
            lanes = Self.mix(lanes, rest.span.bytes, at: 0)
            rest.removeAll(keepingCapacity: true)
        }
        let raw = bytes.bytes
        while raw.byteCount - at >= Self.stripeSize {
            lanes = Self.mix(lanes, raw, at: at)
            at += Self.stripeSize
        }
        while at < bytes.count {
            rest.append(bytes[at])
            at += 1
        }
    }

    /// The hash of everything so far.
    var value: UInt32 {
        var hash: UInt32
        if size >= UInt64(Self.stripeSize) {
            let turned = Self.rotate(lanes, by: SIMD4(1, 7, 12, 18))
            hash = turned.wrappedSum()
        } else {
            hash = Self.prime5
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

    private static func mix(_ lanes: SIMD4<UInt32>, _ bytes: RawSpan, at offset: Int) -> SIMD4<UInt32> {
        precondition(offset >= 0 && bytes.byteCount - offset >= stripeSize)
        let words = SIMD4<UInt32>(
            word(bytes, offset),
            word(bytes, offset + 4),
            word(bytes, offset + 8),
            word(bytes, offset + 12)
        )
        return rotate(lanes &+ words &* SIMD4(repeating: prime2), by: SIMD4(repeating: 13)) &* SIMD4(repeating: prime1)
    }

    private static func word(_ bytes: RawSpan, _ offset: Int) -> UInt32 {
        UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    private static func rotate(_ word: UInt32, by count: UInt32) -> UInt32 {
        word &<< count | word &>> (32 &- count)
    }

    private static func rotate(_ words: SIMD4<UInt32>, by counts: SIMD4<UInt32>) -> SIMD4<UInt32> {
        words &<< counts | words &>> (SIMD4(repeating: 32) &- counts)
    }
}
