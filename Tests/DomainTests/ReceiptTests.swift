import Domain
import Testing

@Suite struct ReceiptTests {
    @Test(arguments: [0, 1, 0x10, 0xDEAD_BEEF, .max] as [UInt64])
    func `a receipt is 16 digits that read back as they were`(txid: UInt64) {
        let text = Receipt(txid: txid).text
        #expect(text.utf8.count == 16)
        #expect(Receipt(text)?.txid == txid)
    }

    @Test func `a receipt is written in lower-case hexadecimal`() {
        #expect(Receipt(txid: 0x1AF).text == "00000000000001af")
    }

    @Test(arguments: [
        "", "1", "00000000000000FF", "000000000000000g", "00000000000000001", "+000000000000001", " 00000000000001",
        "０000000000000000",
    ])
    func `anything but 16 lower-case hex digits is no receipt`(text: String) {
        #expect(Receipt(text) == nil)
    }
}
