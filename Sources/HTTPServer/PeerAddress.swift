internal import CLinux
internal import Glibc

/// The address at the other end of a connection.
package struct PeerAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IPv6 address, or an IPv4 address mapped into one.
    package struct Host: Sendable, Hashable {
        var high: UInt64 = 0
        var low: UInt64 = 0
    }

    package let host: Host
    package let port: UInt16

    init(_ storage: sockaddr_storage) {
        var host = Host()
        var port: UInt16 = 0
        withUnsafeBytes(of: storage) { bytes in
            if Int32(storage.ss_family) == AF_INET {
                port = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
                let address = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                host.low = 0xFFFF_0000_0000 | UInt64(address)
            } else if Int32(storage.ss_family) == AF_INET6 {
                port = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
                host.high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                host.low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            }
        }
        self.host = host
        self.port = port
    }

    package var description: String {
        if host.high == 0, host.low >> 32 == 0xFFFF {
            return stride(from: 24, through: 0, by: -8).map { "\(host.low >> UInt64($0) & 0xFF)" }.joined(separator: ".")
        }
        var bytes = (host.high.bigEndian, host.low.bigEndian)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            guard let start = text.baseAddress, inet_ntop(AF_INET6, &bytes, start, socklen_t(text.count)) != nil else {
                return "unknown"
            }
            return String(cString: start)
        }
    }
}
