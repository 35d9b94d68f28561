// Every fixed-width integer of the format is big-endian.

extension [UInt8] {
    mutating func append<Integer: FixedWidthInteger>(bigEndian integer: Integer) {
        for shift in stride(from: Integer.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: integer >> Integer(shift)))
        }
    }
}

extension Span<UInt8> {
    func bigEndian<Integer: FixedWidthInteger>(at offset: Int, as type: Integer.Type = Integer.self) -> Integer {
        var integer: Integer = 0
        for index in 0..<(Integer.bitWidth / 8) {
            integer = integer << 8 | Integer(truncatingIfNeeded: self[offset + index])
        }
        return integer
    }
}
