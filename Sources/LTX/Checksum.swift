/// A checksum as LTX files store it: a CRC-64 whose top bit is set, so that zero can say "none".
package struct Checksum: Hashable, Sendable {
    static let presenceBit: UInt64 = 1 << 63

    /// The checksum of a database without pages.
    static let emptyDatabase = Self(crc: 0)

    package let rawValue: UInt64

    init(crc: UInt64) {
        rawValue = crc | Self.presenceBit
    }

    /// Nil when the top bit is missing.
    package init?(rawValue: UInt64) {
        guard rawValue & Self.presenceBit != 0 else { return nil }
        self.rawValue = rawValue
    }

    /// The checksum of one page at its place in the database.
    static func page(_ number: UInt32, _ data: Span<UInt8>) -> Self {
        var crc = CRC64()
        var prefix: [UInt8] = []
        prefix.append(bigEndian: number)
        crc.update(prefix.span)
        crc.update(data)
        return Self(crc: crc.value)
    }

    /// Adds a page to the checksum of a database, or takes it out again: the order of pages does not matter.
    mutating func toggle(_ page: Self) {
        self = Self(crc: rawValue ^ page.rawValue)
    }
}

extension Checksum: CustomStringConvertible {
    package var description: String { String(rawValue, radix: 16) }
}
