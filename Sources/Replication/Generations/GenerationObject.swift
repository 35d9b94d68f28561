/// The name of one unbroken history in a Litestream 0.3 replica.
package struct GenerationID: Hashable, Sendable {
    /// 16 lower-case hexadecimal digits.
    package let name: String

    /// Nil for any other text.
    package init?(_ name: some StringProtocol) {
        guard name.utf8.count == 16, name.utf8.allSatisfy(Hexadecimal.isDigit) else { return nil }
        self.name = String(name)
    }
}

/// What an object in a Litestream 0.3 replica holds, as its key says.
///
/// `generations/<generation>/snapshots/<index>.snapshot.lz4` is the whole database, and
/// `generations/<generation>/wal/<index>_<offset>.wal.lz4` a piece of the WAL file with that number.
package struct GenerationObject: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case snapshot
        /// A piece of the WAL that begins `offset` bytes into it.
        case segment(offset: UInt64)
    }

    package let generation: GenerationID
    /// Which of the generation's WAL files; a snapshot needs those from this one on.
    package let index: UInt32
    package let kind: Kind
    /// The key below the replica's root.
    package let key: String

    /// The highest index that Litestream uses before it begins another generation.
    private static let indexMax: UInt64 = 0x7FFF_FFFF

    /// Nil for any other key, such as that of a file that is still being written.
    package init?(key: String) {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "generations", let generation = GenerationID(parts[1]) else { return nil }
        self.generation = generation
        self.key = key
        let number: Substring
        switch parts[2] {
        case "snapshots":
            guard let name = Self.stem(parts[3], suffix: ".snapshot.lz4") else { return nil }
            (number, kind) = (name, .snapshot)
        case "wal":
            guard let name = Self.stem(parts[3], suffix: ".wal.lz4") else { return nil }
            let numbers = name.split(separator: "_", omittingEmptySubsequences: false)
            guard numbers.count == 2, let offset = Hexadecimal.value(numbers[1], digits: 8...16) else { return nil }
            (number, kind) = (numbers[0], .segment(offset: offset))
        default: return nil
        }
        guard let index = Hexadecimal.value(number, digits: 8...8), index <= Self.indexMax else { return nil }
        self.index = UInt32(index)
    }

    private static func stem(_ name: Substring, suffix: String) -> Substring? {
        name.hasSuffix(suffix) ? name.dropLast(suffix.count) : nil
    }
}

/// Numbers as names have them: lower-case, without sign or prefix.
private enum Hexadecimal {
    static func isDigit(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }

    static func value(_ text: Substring, digits: ClosedRange<Int>) -> UInt64? {
        guard digits.contains(text.utf8.count), text.utf8.allSatisfy(isDigit) else { return nil }
        return UInt64(text, radix: 16)
    }
}
