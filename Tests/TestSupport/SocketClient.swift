internal import Glibc

/// One connection to a server on this machine, raw bytes both ways.
///
/// Every wait has a bound, so that a test fails instead of hanging.
package final class SocketClient {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        init(_ action: String) {
            description = "\(action): \(String(cString: strerror(errno)))"
        }
    }

    /// An answer as it came.
    package struct Answer: Equatable, CustomStringConvertible {
        package let status: Int
        /// Names in lower case.
        package let fields: [String: String]
        package let body: [UInt8]

        package var text: String { String(decoding: body, as: UTF8.self) }
        package var description: String { "\(status) \(fields) \(text.prefix(200))" }
    }

    private static let waitMax = 20
    private let descriptor: Int32
    private var received: [UInt8] = []

    /// Connects to a port of 127.0.0.1.
    ///
    /// All of 127.0.0.0/8 is this machine, so `source` can be any of it. A `receiveBufferBytes` of as good as nothing
    /// makes a reader that the server must wait for.
    package init(port: Int, from source: String = "127.0.0.1", receiveBufferBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("socket") }
        var patience = timeval(tv_sec: Self.waitMax, tv_usec: 0)
        set(SOL_SOCKET, SO_RCVTIMEO, &patience)
        set(SOL_SOCKET, SO_SNDTIMEO, &patience)
        var one: Int32 = 1
        set(Int32(IPPROTO_TCP), TCP_NODELAY, &one)
        if var size = receiveBufferBytes {
            set(SOL_SOCKET, SO_RCVBUF, &size)
            // Small packets keep the buffer at the other end small too.
            var segment: Int32 = 536
            set(Int32(IPPROTO_TCP), TCP_MAXSEG, &segment)
        }
        guard at(source, 0, { bind(descriptor, $0, $1) }) == 0 else { throw Failure("bind") }
        guard at("127.0.0.1", port, { connect(descriptor, $0, $1) }) == 0 else { throw Failure("connect") }
    }

    deinit { close(descriptor) }

    // MARK: Sending

    package func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    package func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failure("send") }
            sent += count
        }
    }

    /// Closes the half that sends; answers can still come.
    package func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Goes without a word more: the server sees a reset, not an end.
    package func reset() {
        // Connecting to nowhere is how Linux spells it.
        var nowhere = sockaddr(sa_family: sa_family_t(AF_UNSPEC), sa_data: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        connect(descriptor, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
    }

    // MARK: Receiving

    /// The next answer; throws if the connection ends before it is complete.
    ///
    /// The answer to HEAD has a length and no body.
    package func answer(isHead: Bool = false) throws -> Answer {
        let blank = Array("\r\n\r\n".utf8)
        var end = received.firstRange(of: blank)
        while end == nil {
            try receiveMore()
            end = received.firstRange(of: blank)
        }
        let headEnd = end?.upperBound ?? 0
        let lines = received[..<(headEnd - 4)].split(separator: UInt8(ascii: "\n")).map { line in
            String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
        }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ": ", maxSplits: 1, omittingEmptySubsequences: false)
            fields[parts[0].lowercased()] = parts.count > 1 ? String(parts[1]) : ""
        }
        let length = isHead ? 0 : fields["content-length"].flatMap(Int.init) ?? 0
        while received.count < headEnd + length { try receiveMore() }
        let body = Array(received[headEnd..<headEnd + length])
        received.removeFirst(headEnd + length)
        guard let line = lines.first, line.hasPrefix("HTTP/1.1 "), let status = Int(line.dropFirst(9).prefix(3)) else {
            errno = EPROTO
            throw Failure("an answer starts with \(lines.first?.prefix(200) ?? "nothing")")
        }
        return Answer(status: status, fields: fields, body: body)
    }

    /// Whether the server ends the connection with nothing more to say, and neither by a reset nor never.
    package func isEnded() -> Bool {
        guard received.isEmpty else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, 0) == 0
    }

    /// Waits for an end of any kind, and throws away what comes before it.
    package func waitForEnd() throws {
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = recv(descriptor, &bytes, bytes.count, 0)
            if count == 0 || count < 0 && errno == ECONNRESET { return }
            if count < 0, errno != EINTR { throw Failure("recv") }
        }
    }

    /// Whether something comes, an end included, within a time.
    package func hasInput(within milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return !received.isEmpty || Glibc.poll(&poll, 1, milliseconds) > 0
    }

    private func receiveMore() throws {
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        if count < 0, errno == EINTR { return }
        guard count > 0 else {
            if count == 0 { errno = EPIPE }
            throw Failure("the connection ended within an answer, after \(received.count) bytes of it")
        }
        received += bytes[..<count]
    }

    // MARK: Setting up

    private func set<Value: BitwiseCopyable>(_ level: Int32, _ option: Int32, _ value: inout Value) {
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Value>.size))
    }

    private func at(_ host: String, _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        return withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
