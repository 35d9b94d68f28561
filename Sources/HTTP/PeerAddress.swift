/// The address at the other end of a connection.
package struct PeerAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IPv6 address, or an IPv4 address mapped into one.
    package struct Host: Sendable, Hashable {
        package let high: UInt64
        package let low: UInt64

        package init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }

        package init(ipv4: UInt32) {
            self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(ipv4))
        }
    }

    package let host: Host
    package let port: UInt16

    package init(host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// The host alone: dotted for IPv4, as RFC 5952 wants it for IPv6.
    package var description: String {
        if host.high == 0, host.low >> 32 == 0xFFFF {
            let bytes = stride(from: 24, through: 0, by: -8).map { "\(host.low >> UInt64($0) & 0xFF)" }
            return bytes.joined(separator: ".")
        }
        let groups = [host.high, host.low].flatMap { half in
            stride(from: 48, through: 0, by: -16).map { UInt16(truncatingIfNeeded: half >> UInt64($0)) }
        }
        let gap = longestGap(groups)
        let text = { (range: Range<Int>) in groups[range].map { String($0, radix: 16) }.joined(separator: ":") }
        return gap.count < 2 ? text(0..<8) : "\(text(0..<gap.lowerBound))::\(text(gap.upperBound..<8))"
    }

    /// The first of the longest runs of zeros.
    private func longestGap(_ groups: [UInt16]) -> Range<Int> {
        var longest = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            if group != 0 { start = index + 1 }
            if index + 1 - start > longest.count { longest = start..<index + 1 }
        }
        return longest
    }
}
