internal import CCurl
internal import Glibc
internal import Synchronization

/// One libcurl easy handle, from its options to its result.
///
/// - SeeAlso: <https://curl.se/libcurl/c/curl_easy_setopt.html>
final class Transfer: @unchecked Sendable {
    // Safe to share: after `init` only the loop's thread touches anything but `isCancelled`.
    let easy: UnsafeMutableRawPointer
    let isCancelled = Atomic(false)

    private let request: ClientRequest
    private let headerList: UnsafeMutablePointer<curl_slist>?
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var bodySent = 0
    private var status: Int?
    private var headers: [(name: String, value: String)] = []
    private var headerBytes = 0
    private var body: [UInt8] = []
    /// Why one of our own callbacks ended the transfer.
    private var ownReason: (reason: TransferError.Reason, detail: String)?

    /// What is read from a connection at once; libcurl's own 16 KiB cost a long answer a system call each.
    private static let bufferBytesMax = 256 << 10
    private static let bufferBytesMin = 16 << 10

    /// More than any store sends; a server that goes on forever is cut off here.
    private static let headerBytesMax = 64 << 10

    init(_ request: ClientRequest, bundle: CABundle) throws(TransferError) {
        try Self.validate(request, bundle)
        guard let easy = curl_easy_init() else { preconditionFailure("out of memory") }
        var list: UnsafeMutablePointer<curl_slist>?
        // An empty "Expect:" keeps libcurl from waiting for a "100 Continue" that half of the stores never send.
        for line in request.headers.map(Self.line) + ["Expect:"] {
            guard let longer = curl_slist_append(list, line) else { preconditionFailure("out of memory") }
            list = longer
        }
        (self.easy, self.request, headerList) = (easy, request, list)
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        setOptions(bundle)
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(headerList)
        errorText.deallocate()
    }

    private static func validate(_ request: ClientRequest, _ bundle: CABundle) throws(TransferError) {
        func refuse(_ reason: TransferError.Reason, _ detail: String) -> TransferError {
            TransferError(.neverSent, reason, detail)
        }
        let isTLS = request.url.hasPrefix("https://")
        guard isTLS || request.url.hasPrefix("http://") else {
            throw refuse(.invalidRequest, "the URL is neither http nor https")
        }
        guard request.url.utf8.allSatisfy({ 0x21...0x7e ~= $0 }) else {
            throw refuse(.invalidRequest, "the URL has a character that must be percent-encoded")
        }
        guard request.body.isEmpty || request.method == .put || request.method == .post else {
            throw refuse(.invalidRequest, "\(request.method.rawValue) with a body")
        }
        for (name, value) in request.headers {
            let isPlain = name.utf8.allSatisfy { 0x21...0x7e ~= $0 && $0 != UInt8(ascii: ":") } && !name.isEmpty
            guard isPlain, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
                throw refuse(.invalidRequest, "the header \(name) has a character that no header may have")
            }
        }
        if isTLS, request.verifiesTLS, case .missing(let message) = bundle { throw refuse(.noCABundle, message) }
    }

    /// libcurl sends a header without a value only when it is written with a semicolon.
    private static func line(_ header: (name: String, value: String)) -> String {
        header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)"
    }

    // MARK: Options

    private func setOptions(_ bundle: CABundle) {
        set(CURLOPT_URL, request.url)
        set(CURLOPT_PATH_AS_IS, 1)  // the signature covers the path as it was written
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_USERAGENT, "holdfast")
        set(CURLOPT_BUFFERSIZE, max(Self.bufferBytesMin, min(request.answerBytesMax, Self.bufferBytesMax)))
        if !request.usesProxy { set(CURLOPT_NOPROXY, "*") }
        if request.isSentOnce { set(CURLOPT_FRESH_CONNECT, 1) }
        setMethod()
        setLimits()
        setTLS(bundle)
        require(ccurl_set_list(easy, CURLOPT_HTTPHEADER, headerList))
        setPointer(CURLOPT_ERRORBUFFER, errorText)
        setCallbacks()
    }

    private func setMethod() {
        switch request.method {
        case .get: set(CURLOPT_HTTPGET, 1)
        case .head: set(CURLOPT_NOBODY, 1)
        case .delete: set(CURLOPT_CUSTOMREQUEST, "DELETE")
        case .put, .post:
            set(CURLOPT_UPLOAD, 1)
            if request.method == .post { set(CURLOPT_CUSTOMREQUEST, "POST") }
            // With no body there is nothing that libcurl could fail to rewind; see `setCallbacks`.
            if request.body.isEmpty { set(CURLOPT_FRESH_CONNECT, 1) }
            require(ccurl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(request.body.count)))
        }
    }

    private func setLimits() {
        set(CURLOPT_CONNECTTIMEOUT_MS, request.limits.connect.milliseconds)
        set(CURLOPT_TIMEOUT_MS, request.limits.total.milliseconds)
        set(CURLOPT_LOW_SPEED_LIMIT, request.limits.stallBytesPerSecond)
        set(CURLOPT_LOW_SPEED_TIME, max(1, request.limits.stall.milliseconds / 1000))
    }

    private func setTLS(_ bundle: CABundle) {
        guard request.verifiesTLS else {
            set(CURLOPT_SSL_VERIFYPEER, 0)
            set(CURLOPT_SSL_VERIFYHOST, 0)
            return
        }
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        switch bundle {
        case .file(let path): set(CURLOPT_CAINFO, path)
        case .folder(let path):
            require(ccurl_set_string(easy, CURLOPT_CAINFO, nil))  // not also what libcurl was built with
            set(CURLOPT_CAPATH, path)
        case .missing: break  // refused in `validate` where it matters
        }
    }

    private func setCallbacks() {
        let context = Unmanaged.passUnretained(self).toOpaque()  // the loop keeps us until libcurl has let go
        setPointer(CURLOPT_HEADERDATA, context)
        setPointer(CURLOPT_WRITEDATA, context)
        setPointer(CURLOPT_READDATA, context)
        require(
            ccurl_set_callback(easy, CURLOPT_HEADERFUNCTION) { data, size, count, context in
                Transfer.from(context).receiveHeader(UnsafeRawBufferPointer(start: data, count: size * count))
            }
        )
        require(
            ccurl_set_callback(easy, CURLOPT_WRITEFUNCTION) { data, size, count, context in
                Transfer.from(context).receiveBody(UnsafeRawBufferPointer(start: data, count: size * count))
            }
        )
        // There is no seek function, on purpose. When a kept-alive connection dies under a request, libcurl would
        // silently send it again, and a conditional PUT then meets its own first copy. Unable to rewind the body,
        // it reports CURLE_SEND_FAIL_REWIND instead.
        require(
            ccurl_set_callback(easy, CURLOPT_READFUNCTION) { data, size, count, context in
                Transfer.from(context).sendBody(UnsafeMutableRawBufferPointer(start: data, count: size * count))
            }
        )
    }

    private func set(_ option: CURLoption, _ value: Int) { require(ccurl_set_long(easy, option, value)) }
    private func set(_ option: CURLoption, _ value: String) { require(ccurl_set_string(easy, option, value)) }
    private func setPointer(_ option: CURLoption, _ value: UnsafeMutableRawPointer) {
        require(ccurl_set_pointer(easy, option, value))
    }

    /// Options fail only when the linked libcurl lacks one or memory is out.
    private func require(_ code: CURLcode) {
        precondition(code == CURLE_OK, "curl_easy_setopt: \(String(cString: curl_easy_strerror(code)))")
    }

    // MARK: Callbacks, on the loop's thread

    private static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
        guard let context else { preconditionFailure("libcurl lost the callback's context") }
        return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    private func sendBody(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, request.body.count - bodySent)
        request.body.withUnsafeBytes { body in
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: body[bodySent..<(bodySent + count)]))
        }
        bodySent += count
        return count
    }

    private func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        let line = String(decoding: bytes, as: UTF8.self).trimmingTail()
        headerBytes += bytes.count
        guard headerBytes <= Self.headerBytesMax else {
            return refuse(.answerTooLarge, "more than \(Self.headerBytesMax) bytes of headers")
        }
        if line.hasPrefix("HTTP/") {
            // Also the final status after a 1xx: what came before it belongs to another message.
            let fields = line.split(separator: " ", maxSplits: 2)
            status = fields.count > 1 ? Int(fields[1]) : nil
            headers = []
        } else if let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers.append((line[..<colon].lowercased(), String(value)))
        } else if line.isEmpty {
            acknowledge()
        }
        return bytes.count
    }

    /// Tells the server at once that the head of its answer is here.
    ///
    /// Some, such as Ceph's gateway, send the body behind it only then, and the kernel would wait 40 ms for something to
    /// send along. Where the body is here too it changes nothing, and where it fails neither.
    private func acknowledge() {
        var socket = CURL_SOCKET_BAD
        guard ccurl_get_socket(easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK, socket != CURL_SOCKET_BAD else {
            return
        }
        var isOn: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_QUICKACK, &isOn, socklen_t(MemoryLayout<Int32>.size))
    }

    private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard body.count + bytes.count <= request.answerBytesMax else {
            return refuse(.answerTooLarge, "the answer is longer than \(request.answerBytesMax) bytes")
        }
        if body.isEmpty { body.reserveCapacity(min(expectedBytes, request.answerBytesMax)) }
        body.append(contentsOf: bytes.assumingMemoryBound(to: UInt8.self))  // one copy, also where nothing is inlined
        return bytes.count
    }

    private var expectedBytes: Int {
        headers.first { $0.name == "content-length" }.flatMap { Int($0.value) }.map { max(0, $0) } ?? 0
    }

    /// Ends the transfer: any count but the one given makes libcurl stop with CURLE_WRITE_ERROR.
    private func refuse(_ reason: TransferError.Reason, _ detail: String) -> Int {
        ownReason = (reason, detail)
        return 0
    }

    // MARK: Result

    func result(_ code: CURLcode) -> Result<ClientAnswer, TransferError> {
        guard code == CURLE_OK, let status, status >= 200 else { return .failure(failure(code)) }
        return .success(ClientAnswer(status: status, headers: headers, body: body))
    }

    func cancellation() -> TransferError { TransferError(delivery, .cancelled, "cancelled") }

    private func failure(_ code: CURLcode) -> TransferError {
        if let ownReason { return TransferError(delivery, ownReason.reason, ownReason.detail) }
        let text = String(cString: errorText)
        return TransferError(delivery, reason(code), text.isEmpty ? String(cString: curl_easy_strerror(code)) : text)
    }

    private var delivery: TransferError.Delivery {
        if let status, status >= 200 { return .answered(status: status) }
        var requestBytes = 0
        require(ccurl_get_long(easy, CURLINFO_REQUEST_SIZE, &requestBytes))
        return requestBytes == 0 ? .neverSent : .maybeApplied
    }

    private func reason(_ code: CURLcode) -> TransferError.Reason {
        switch code {
        case CURLE_URL_MALFORMAT: .invalidRequest
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY: .notHTTP  // the URL's scheme was checked before
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .nameLookup
        case CURLE_COULDNT_CONNECT, CURLE_PROXY: .connect
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR: .certificate
        case CURLE_SSL_CACERT_BADFILE: .noCABundle
        case CURLE_SSL_CONNECT_ERROR: .tls
        case CURLE_OPERATION_TIMEDOUT: exceededLimit
        case CURLE_OK, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR,
            CURLE_SEND_FAIL_REWIND:
            .connectionLost
        default: .other(code: Int32(bitPattern: code.rawValue))
        }
    }

    /// libcurl has one code for all its limits; which one it was follows from how far the transfer got.
    private var exceededLimit: TransferError.Reason {
        var total: curl_off_t = 0
        var connected: curl_off_t = 0
        require(ccurl_get_offset(easy, CURLINFO_TOTAL_TIME_T, &total))
        require(ccurl_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T, &connected))
        // libcurl starts this clock a little later than the one of the limit.
        if total / 1000 + 100 >= request.limits.total.milliseconds { return .totalLimit }
        return connected == 0 ? .connectLimit : .stallLimit
    }
}

extension Duration {
    /// Rounded up, and at least one: libcurl reads a limit of zero as "none".
    fileprivate var milliseconds: Int {
        let (seconds, attoseconds) = components
        return max(1, Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
    }
}

extension String {
    fileprivate func trimmingTail() -> String {
        var text = Substring(self)
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
