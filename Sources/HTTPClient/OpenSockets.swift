internal import CCurl
internal import Glibc

/// The sockets of a client's connections, so that servers can be told at once that the head of an answer is here.
///
/// Some, such as Ceph's gateway, send the body behind a head only when that was acknowledged, and on a connection that was
/// used before the kernel waits 40 ms with it, for something to send along.
final class OpenSockets: @unchecked Sendable {
    // Safe to share: the set is touched by libcurl's callbacks alone, all on the thread of the loop that owns this.
    private var sockets: Set<Int32> = []

    /// Notes what is opened for this transfer, whose connection may outlive it and must not outlive this.
    func watch(_ easy: UnsafeMutableRawPointer) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        let codes = [
            ccurl_set_pointer(easy, CURLOPT_SOCKOPTDATA, context),
            ccurl_set_pointer(easy, CURLOPT_CLOSESOCKETDATA, context),
            ccurl_set_opened_callback(easy) { context, socket, _ in
                OpenSockets.from(context).sockets.insert(socket)
                return Int32(CURL_SOCKOPT_OK)
            },
            ccurl_set_close_callback(easy) { context, socket in
                OpenSockets.from(context).sockets.remove(socket)
                return close(socket)
            },
        ]
        precondition(codes.allSatisfy { $0 == CURLE_OK }, "the callbacks of sockets")
    }

    /// Acknowledges what has come; libcurl does not say on which of them, and to the others it changes nothing.
    func acknowledge() {
        var isOn: Int32 = 1
        for socket in sockets {
            setsockopt(socket, Int32(IPPROTO_TCP), TCP_QUICKACK, &isOn, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> OpenSockets {
        guard let context else { preconditionFailure("libcurl lost the callback's context") }
        return Unmanaged<OpenSockets>.fromOpaque(context).takeUnretainedValue()
    }
}
