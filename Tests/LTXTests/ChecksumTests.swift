import Testing

@testable import LTX

@Suite struct ChecksumTests {
    @Test func `the CRC of the standard check string is the published one`() {
        var crc = CRC64()
        crc.update(Array("123456789".utf8).span)
        #expect(crc.value == 0xB909_56C7_75A4_1001)
    }

    @Test func `any length, in any two pieces, gives what the definition gives`() {
        var random = SeededGenerator(state: 1)
        let bytes = (0..<400).map { _ in UInt8.random(in: 0...255, using: &random) }
        for size in 0...bytes.count {
            let cut = Int.random(in: 0...size, using: &random)
            var crc = CRC64()
            crc.update(bytes.span.extracting(..<cut))
            crc.update(bytes.span.extracting(cut..<size))
            #expect(crc.value == slowCRC(Array(bytes[..<size])), "\(cut) of \(size) bytes")
        }
    }

    @Test func `a stored checksum always has its top bit`() {
        #expect(Checksum(crc: 1).rawValue == 0x8000_0000_0000_0001)
        #expect(Checksum(rawValue: 0x7FFF_FFFF_FFFF_FFFF) == nil)
        #expect(Checksum(rawValue: 0) == nil)
        #expect(Checksum(rawValue: 1 << 63) == .emptyDatabase)
    }

    /// Computed by another program.
    @Test(
        arguments: [
            (1, [1, 2, 3], 0xED2C_9E4E_4FFF_FF90),
            (0x0102_0304, [5, 5, 5, 5, 5, 5, 5, 5], 0xBC9F_4503_9E88_8888),
        ] as [(UInt32, [UInt8], UInt64)]
    )
    func `a page's checksum covers its number`(number: UInt32, data: [UInt8], checksum: UInt64) {
        #expect(Checksum.page(number, data.span).rawValue == checksum)
    }

    @Test func `a page can be added to a database's checksum and taken out again`() {
        var checksum = Checksum.emptyDatabase
        let page = Checksum.page(1, [1, 2, 3].span)
        checksum.toggle(page)
        #expect(checksum == page)
        checksum.toggle(.page(2, [1, 2, 3].span))
        #expect(checksum != .emptyDatabase)
        checksum.toggle(page)
        checksum.toggle(.page(2, [1, 2, 3].span))
        #expect(checksum == .emptyDatabase)
    }
}
