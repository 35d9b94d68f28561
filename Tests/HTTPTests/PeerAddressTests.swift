import HTTP
import Testing

struct PeerAddressTests {
    @Test(arguments: [
        (0x7F00_0001, "127.0.0.1"), (0, "0.0.0.0"), (0xFFFF_FFFF, "255.255.255.255"), (0x0A14_1E28, "10.20.30.40"),
    ])
    func `IPv4 is dotted`(address: UInt32, text: String) {
        #expect(PeerAddress(host: .init(ipv4: address), port: 1).description == text)
    }

    /// RFC 5952, section 4.
    @Test(arguments: [
        (0, 0, "::"), (0, 1, "::1"), (0x2001_0DB8_0000_0000, 0, "2001:db8::"),
        (0x2001_0DB8_0000_0000, 0x0000_0000_0000_0001, "2001:db8::1"),
        (0x2001_0DB8_0000_0001, 0x0001_0001_0001_0001, "2001:db8:0:1:1:1:1:1"),
        (0x2001_0000_0000_0001, 0x0000_0000_0000_0001, "2001:0:0:1::1"),
        (0x2001_0DB8_0000_0000, 0x0001_0000_0000_0001, "2001:db8::1:0:0:1"),
        (0xFE80_0000_0000_0000, 0x0202_B3FF_FE1E_8329, "fe80::202:b3ff:fe1e:8329"),
        (0xABCD_EF01_2345_6789, 0xABCD_EF01_2345_6789, "abcd:ef01:2345:6789:abcd:ef01:2345:6789"),
        (0, 0x0000_FFFE_7F00_0001, "::fffe:7f00:1"),
    ])
    func `IPv6 has its longest gap cut out`(high: UInt64, low: UInt64, text: String) {
        #expect(PeerAddress(host: .init(high: high, low: low), port: 1).description == text)
    }
}
