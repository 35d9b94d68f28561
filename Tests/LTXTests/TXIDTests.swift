import LTX
import Testing

@Suite struct TXIDTests {
    @Test(
        arguments: [
            (1, "0000000000000001"), (0xABC, "0000000000000abc"), (.max, "ffffffffffffffff"), (0, "0000000000000000"),
        ] as [(UInt64, String)]
    )
    func `a TXID is 16 digits, both ways`(value: UInt64, text: String) {
        #expect(TXID(rawValue: value).description == text)
        #expect(TXID(text) == TXID(rawValue: value))
    }

    @Test(arguments: [
        "", "1", "00000000000000FF", "000000000000000g", "00000000000000001", "+000000000000001", " 000000000000001",
        "0x00000000000001", "００００００００００００００００",
    ])
    func `anything but 16 lower-case hex digits is no TXID`(text: String) {
        #expect(TXID(text) == nil)
    }

    @Test func `TXIDs sort by number`() {
        #expect(TXID(rawValue: 9) < TXID(rawValue: 10))
        #expect(!(TXID(rawValue: .max) < TXID(rawValue: 1)))
    }
}
