/// Turns the bytes of a connection into requests, however they are cut.
///
/// No socket and no clock: the same bytes give the same requests, whole or one at a time.
package struct MessageReader: Sendable {
    package enum Outcome: Sendable {
        /// Everything useful was taken; more must arrive.
        case needInput
        case request(Request)
    }

    /// What a body's buffer grows to before its bytes have come: a header alone must not cost more.
    private static let bodyReserveBytesMax = 64 * 1024

    private enum State {
        case head
        case body(RequestHead, bytesMax: Int)
        case chunkedBody(RequestHead, ChunkedDecoder, bytesMax: Int)
    }

    private let parser: RequestParser
    private var state = State.head
    private var scanned = 0
    private var hasSkippedLine = false
    private var body: [UInt8] = []

    package init(limits: RequestLimits) {
        parser = RequestParser(limits: limits)
    }

    /// Whether a head is complete and its body is not.
    package var isInBody: Bool {
        if case .head = state { false } else { true }
    }

    /// Whether the client waits for a word before it sends the body (RFC 9110, section 10.1.1).
    package var awaitsContinue: Bool {
        switch state {
        case .head: false
        case .body(let head, _), .chunkedBody(let head, _, _): head.expectsContinue && body.isEmpty
        }
    }

    /// How many bytes of a request whose body is not complete are held.
    package var heldByteCount: Int {
        switch state {
        case .head: 0
        case .body(let head, _), .chunkedBody(let head, _, _): head.headers.byteCount + body.count
        }
    }

    /// Reads on.
    ///
    /// - `input`: What has arrived and was not yet used.
    /// - `used`: Set to how much of `input` need not be shown again.
    /// - `bodyBytesMax`: Asked once for each head that announces a body.
    package mutating func read(
        _ input: Span<UInt8>,
        used: inout Int,
        bodyBytesMax: (RequestHead) -> Int
    ) throws(Refusal) -> Outcome {
        used = 0
        if case .head = state {
            // One empty line before a request line is ignored (RFC 9112, section 2.2).
            if scanned == 0, !hasSkippedLine, input.count > 0, input[0] == ASCII.cr {
                guard input.count > 1 else { return .needInput }
                if input[1] == ASCII.lf {
                    used = 2
                    hasSkippedLine = true
                }
            }
            let rest = input.extracting(used..<input.count)
            guard let end = try parser.headEnd(rest, scanned: &scanned) else { return .needInput }
            let head = try parser.parse(rest, end: end)
            used += end
            scanned = 0
            hasSkippedLine = false
            guard try beginBody(head, bodyBytesMax) else { return .request(Request(head: head, body: [])) }
        }
        return try readBody(input, &used)
    }

    /// False if there is no body.
    private mutating func beginBody(_ head: RequestHead, _ bodyBytesMax: (RequestHead) -> Int) throws(Refusal) -> Bool {
        switch head.framing {
        case .none, .length(0): return false
        case .length(let length):
            let bytesMax = bodyBytesMax(head)
            guard length <= bytesMax else { throw .bodyTooLarge(bytesMax: bytesMax) }
            state = .body(head, bytesMax: length)
            body.reserveCapacity(min(length, Self.bodyReserveBytesMax))
        case .chunked:
            state = .chunkedBody(head, ChunkedDecoder(), bytesMax: bodyBytesMax(head))
        }
        return true
    }

    private mutating func readBody(_ input: Span<UInt8>, _ used: inout Int) throws(Refusal) -> Outcome {
        switch state {
        case .head: preconditionFailure("a body follows a head")
        case .body(let head, let length):
            let count = min(length - body.count, input.count - used)
            unsafe input.extracting(used..<used + count).withUnsafeBufferPointer { unsafe body.append(contentsOf: $0) }
            used += count
            return body.count == length ? finish(head) : .needInput
        case .chunkedBody(let head, var decoder, let bytesMax):
            guard try decoder.decode(input, &used, into: &body, bytesMax: bytesMax) else {
                state = .chunkedBody(head, decoder, bytesMax: bytesMax)
                return .needInput
            }
            return finish(head)
        }
    }

    private mutating func finish(_ head: RequestHead) -> Outcome {
        defer {
            state = .head
            body = []
        }
        return .request(Request(head: head, body: body))
    }
}
