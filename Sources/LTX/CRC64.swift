/// The CRC-64 known as GO-ISO: reflected, polynomial x⁶⁴ + x⁴ + x³ + x + 1, all ones before and after.
///
/// There are no tables. The polynomial says that x⁶⁴ equals x⁴ + x³ + x + 1, so moving a remainder 64 bits on is a few
/// shifts, and squaring it three times, that x⁵¹² equals x³² + x²⁴ + x⁸ + 1, which moves eight words at once: eight
/// chains that do not wait for each other, in vector registers.
struct CRC64 {
    private static let blockSize = 64

    private var remainder = UInt64.max

    /// The checksum of everything so far.
    var value: UInt64 { ~remainder }

    /// Takes in the bytes that follow those before.
    mutating func update(_ bytes: Span<UInt8>) {
        var crc = remainder
        var at = 0
        if bytes.count >= 2 * Self.blockSize {
            var lanes = Self.words(bytes.extracting(0..<Self.blockSize))
            lanes[0] ^= crc
            at = Self.blockSize
            while at &+ Self.blockSize <= bytes.count {
                let block = Self.words(bytes.extracting(at..<(at &+ Self.blockSize)))
                lanes = Self.moveBlock(lanes) ^ block
                at &+= Self.blockSize
            }
            crc = 0
            for index in 0..<8 { crc = Self.moveWord(crc ^ lanes[index]) }
        }
        while at &+ 8 <= bytes.count {
            crc = Self.moveWord(crc ^ Self.word(bytes.extracting(at..<(at &+ 8)), 0))
            at &+= 8
        }
        while at < bytes.count {
            crc = Self.moveByte(crc ^ UInt64(bytes[at]))
            at &+= 1
        }
        remainder = crc
    }

    // In reflected order the bit for x⁰ is the top one, so multiplying by x is a shift to the right. What falls off at
    // the bottom stands for x⁶⁴ and up: it is caught at the top of a second word, and replaced once more.

    @inline(__always)
    private static func moveByte(_ crc: UInt64) -> UInt64 {
        let over = crc &<< 56
        return (crc &>> 8) ^ over ^ (over &>> 1) ^ (over &>> 3) ^ (over &>> 4)
    }

    @inline(__always)
    private static func moveWord(_ crc: UInt64) -> UInt64 {
        let over = (crc &<< 63) ^ (crc &<< 61) ^ (crc &<< 60)
        return crc ^ (crc &>> 1) ^ (crc &>> 3) ^ (crc &>> 4) ^ over ^ (over &>> 1) ^ (over &>> 3) ^ (over &>> 4)
    }

    @inline(__always)
    private static func moveBlock(_ lanes: SIMD8<UInt64>) -> SIMD8<UInt64> {
        let over = (lanes &<< 56) ^ (lanes &<< 40) ^ (lanes &<< 32)
        let product = lanes ^ (lanes &>> 8) ^ (lanes &>> 24) ^ (lanes &>> 32)
        return product ^ over ^ (over &>> 1) ^ (over &>> 3) ^ (over &>> 4)
    }

    @inline(__always)
    private static func words(_ block: Span<UInt8>) -> SIMD8<UInt64> {
        SIMD8(
            word(block, 0),
            word(block, 8),
            word(block, 16),
            word(block, 24),
            word(block, 32),
            word(block, 40),
            word(block, 48),
            word(block, 56)
        )
    }

    /// Eight bytes, the first one lowest; the optimizer makes a single load of it.
    @inline(__always)
    private static func word(_ bytes: Span<UInt8>, _ offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(bytes[offset &+ index]) &<< UInt64(8 &* index) }
        return word
    }
}
