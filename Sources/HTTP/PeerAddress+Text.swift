internal import Glibc

extension PeerAddress.Host {
    /// Reads a numeric address, as it is written without brackets and port; nil for anything else.
    package init?(_ text: some StringProtocol) {
        let text = String(text)
        var ipv4 = in_addr()
        if unsafe inet_pton(AF_INET, text, &ipv4) == 1 {
            self.init(ipv4: UInt32(bigEndian: ipv4.s_addr))
            return
        }
        var ipv6 = in6_addr()
        guard unsafe inet_pton(AF_INET6, text, &ipv6) == 1 else { return nil }
        let (high, low) = unsafe withUnsafeBytes(of: ipv6) { bytes in
            let half = { unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self)) }
            return (half(0), half(8))
        }
        self.init(high: high, low: low)
    }

    package var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The address with all bits but the first `prefix` set to 0; an IPv4 address has 96 bits in front of its own.
    package func masked(_ prefix: Int) -> Self {
        let mask = { (count: Int) in count <= 0 ? 0 : count >= 64 ? UInt64.max : ~(UInt64.max >> UInt64(count)) }
        return Self(high: high & mask(prefix), low: low & mask(prefix - 64))
    }
}
