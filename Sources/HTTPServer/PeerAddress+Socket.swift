internal import CLinux
internal import Glibc
internal import HTTP

extension PeerAddress {
    init(_ storage: sockaddr_storage) {
        self = withUnsafeBytes(of: storage) { bytes in
            let port = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
            guard Int32(storage.ss_family) == AF_INET6 else {
                let address = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                return PeerAddress(host: Host(ipv4: address), port: port)
            }
            let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            return PeerAddress(host: Host(high: high, low: low), port: port)
        }
    }
}
