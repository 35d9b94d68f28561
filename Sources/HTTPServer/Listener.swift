internal import CLinux
internal import Glibc
internal import HTTP

/// A server that could not start.
package struct ListenError: Error, CustomStringConvertible {
    package let description: String
}

/// A listening socket.
struct Listener: ~Copyable {
    let descriptor: Int32
    let port: Int

    init(host: String, port: Int) throws(ListenError) {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var addresses: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &addresses)
        defer { if let addresses { freeaddrinfo(addresses) } }
        guard code == 0, let address = addresses?.pointee else {
            throw ListenError(description: "cannot listen on host \(host): \(String(cString: gai_strerror(code)))")
        }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.ai_family, type, address.ai_protocol)
        guard descriptor >= 0 else { throw Self.error("open a socket for", host, port) }
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        // Without it a restart must wait until the old connections are forgotten. Not SO_REUSEPORT: that would let a
        // second instance start on the same port without a word.
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
        // Accepted sockets inherit it.
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        guard bind(descriptor, address.ai_addr, address.ai_addrlen) == 0, listen(descriptor, 4096) == 0 else {
            let error = Self.error("listen on", host, port)
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.port = Self.boundPort(descriptor)
    }

    deinit { close(descriptor) }

    private static func boundPort(_ descriptor: Int32) -> Int {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutablePointer(to: &storage) { storage in
            _ = storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return Int(PeerAddress(storage).port)
    }

    private static func error(_ action: String, _ host: String, _ port: Int) -> ListenError {
        let code = errno
        let hint =
            switch code {
            case EADDRINUSE: " (another program has the port; choose one with --port)"
            case EACCES: " (ports below 1024 need privileges; choose one with --port)"
            default: ""
            }
        return ListenError(description: "cannot \(action) \(host):\(port): \(String(cString: strerror(code)))\(hint)")
    }
}
