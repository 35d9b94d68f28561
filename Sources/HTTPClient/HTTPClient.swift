/// Sends HTTP requests over a bounded pool of kept-alive connections.
///
/// All transfers run on one thread of their own, so that no task of the cooperative pool ever
/// blocks on a socket. HTTP/1.1 only: a request that was sent is then known to be on exactly one
/// connection, which is what ``TransferError/Delivery`` rests on. `PUT` and `POST` are sent once, whatever happens;
/// `GET`, `HEAD` and `DELETE` libcurl repeats when a kept-alive connection dies before any answer. Redirects are answers, never
/// followed: a signed request is for one host only. `http_proxy`, `https_proxy`, `no_proxy` and
/// `ALL_PROXY` work as they do for curl.
package final class HTTPClient: Sendable {
    private let loop: TransferLoop
    private let bundle: CABundle

    /// Has at most `transfersMax` requests under way and as many idle connections; further requests wait.
    package init(bundle: CABundle, transfersMax: Int = 32) {
        precondition(transfersMax > 0, "a client that may send nothing")
        self.bundle = bundle
        loop = TransferLoop(transfersMax: transfersMax)
        loop.start()
    }

    deinit { loop.stop() }

    /// The complete answer, whatever its status; cancelling the task ends the transfer.
    package func send(_ request: ClientRequest) async throws(TransferError) -> ClientAnswer {
        let loop = loop
        let transfer: Transfer
        switch Result(catching: { () throws(TransferError) in
            try Transfer(request, bundle: bundle, sockets: loop.sockets)
        }) {
        case .success(let made): transfer = made
        case .failure(let error): throw error
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                loop.add(transfer) { continuation.resume(returning: $0) }
            }
        } onCancel: {
            loop.cancel(transfer)
        }
        return try result.get()
    }
}
