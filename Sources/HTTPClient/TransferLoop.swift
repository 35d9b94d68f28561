internal import CCurl
internal import Glibc
internal import Synchronization
internal import Threads

/// The thread that drives libcurl's multi handle.
///
/// - SeeAlso: <https://curl.se/libcurl/c/libcurl-multi.html>
final class TransferLoop: @unchecked Sendable {
    // Safe to share: `multi` is used by the loop's thread alone, except for `curl_multi_wakeup`, which libcurl
    // documents as callable from any thread; everything handed over goes through the mutex.
    private let multi: UnsafeMutableRawPointer
    private let transfersMax: Int
    let sockets = OpenSockets()
    private let inbox = Mutex(Inbox())

    typealias Completion = @Sendable (Result<ClientAnswer, TransferError>) -> Void

    private struct Inbox {
        var added: [(transfer: Transfer, completion: Completion)] = []
        var isStopping = false
    }

    /// What only the loop's thread sees.
    private struct Transfers {
        var waiting: [(transfer: Transfer, completion: Completion)] = []
        var active: [UnsafeMutableRawPointer: (transfer: Transfer, completion: Completion)] = [:]
    }

    /// libcurl asks for this once, before any other call and before other threads use it.
    private static let globalInit: CURLcode = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    init(transfersMax: Int) {
        precondition(Self.globalInit == CURLE_OK, "libcurl cannot start")
        guard let multi = curl_multi_init() else { preconditionFailure("out of memory") }
        self.multi = multi
        self.transfersMax = transfersMax
        let result = ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, transfersMax)
        precondition(result == CURLM_OK, "CURLMOPT_MAXCONNECTS")
    }

    func start() {
        WorkerThread(named: "http-client") { self.run() }.detach()
    }

    func add(_ transfer: Transfer, _ completion: @escaping Completion) {
        let isStopping = inbox.withLock { inbox in
            if !inbox.isStopping { inbox.added.append((transfer, completion)) }
            return inbox.isStopping
        }
        guard !isStopping else { return completion(.failure(Self.cancellation(.neverSent))) }
        wakeUp()
    }

    func cancel(_ transfer: Transfer) {
        transfer.isCancelled.store(true, ordering: .releasing)
        wakeUp()
    }

    func stop() {
        inbox.withLock { $0.isStopping = true }
        wakeUp()
    }

    private func wakeUp() {
        let result = curl_multi_wakeup(multi)
        precondition(result == CURLM_OK, "curl_multi_wakeup: \(result.rawValue)")
    }

    private func run() {
        // Signals belong to the threads that wait for them; a SIGPIPE from a TLS write becomes a plain error.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)

        var transfers = Transfers()
        while takeInbox(&transfers) {
            startWaiting(&transfers)
            var running: Int32 = 0
            check(curl_multi_perform(multi, &running), "curl_multi_perform")
            let hasFinished = finishDone(&transfers)
            // A finished transfer makes room for a waiting one: start it before sleeping.
            guard !hasFinished || transfers.waiting.isEmpty else { continue }
            check(curl_multi_poll(multi, nil, 0, .max, nil), "curl_multi_poll")
        }
        curl_multi_cleanup(multi)
    }

    /// Takes over new transfers and ends cancelled ones; false when the client is gone and all is ended.
    private func takeInbox(_ transfers: inout Transfers) -> Bool {
        let (added, isStopping) = inbox.withLock { inbox in
            defer { inbox.added = [] }
            return (inbox.added, inbox.isStopping)
        }
        transfers.waiting += added
        func isEnded(_ transfer: Transfer) -> Bool { isStopping || transfer.isCancelled.load(ordering: .acquiring) }
        for (easy, entry) in transfers.active where isEnded(entry.transfer) {
            finish(easy, &transfers, .failure(entry.transfer.cancellation()))
        }
        transfers.waiting.removeAll { entry in
            guard isEnded(entry.transfer) else { return false }
            entry.completion(.failure(Self.cancellation(.neverSent)))
            return true
        }
        return !isStopping
    }

    private func startWaiting(_ transfers: inout Transfers) {
        while transfers.active.count < transfersMax, !transfers.waiting.isEmpty {
            let entry = transfers.waiting.removeFirst()
            let easy = entry.transfer.easy
            transfers.active[easy] = entry
            check(curl_multi_add_handle(multi, easy), "curl_multi_add_handle")
        }
    }

    private func finishDone(_ transfers: inout Transfers) -> Bool {
        var hasFinished = false
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            // The message is gone once the handle is removed.
            let code = ccurl_message_result(message)
            guard let entry = transfers.active[easy] else { preconditionFailure("a transfer nobody started") }
            finish(easy, &transfers, entry.transfer.result(code))
            hasFinished = true
        }
        return hasFinished
    }

    private func finish(
        _ easy: UnsafeMutableRawPointer,
        _ transfers: inout Transfers,
        _ result: Result<ClientAnswer, TransferError>
    ) {
        check(curl_multi_remove_handle(multi, easy), "curl_multi_remove_handle")
        transfers.active.removeValue(forKey: easy)?.completion(result)
    }

    /// Errors of the multi interface itself are memory running out or a bug here; no transfer can go on after one.
    private func check(_ code: CURLMcode, _ function: StaticString) {
        precondition(code == CURLM_OK, "\(function): \(String(cString: curl_multi_strerror(code)))")
    }

    private static func cancellation(_ delivery: TransferError.Delivery) -> TransferError {
        TransferError(delivery, .cancelled, "cancelled")
    }
}
