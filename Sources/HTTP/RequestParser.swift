/// How much of a request is read before it is refused.
package struct RequestLimits: Sendable {
    package var headBytesMax = 16 * 1024
    package var targetBytesMax = 8 * 1024
    package var fieldsMax = 100

    package init() {}
}

/// Reads one request head, and refuses everything that two readers could understand differently.
///
/// Strict on purpose (RFC 9112, sections 2, 3, 5, 6 and 11.2): lines end in CR LF, no folded lines, no space before
/// the colon, one Content-Length in plain digits, never together with Transfer-Encoding, exactly one Host. Behind a
/// proxy a lenient reader is where one request becomes two.
struct RequestParser {
    private static let methodBytesMax = 32
    /// What a request line holds besides its target, at most: a method, two spaces, a version, CR LF.
    private static let lineExtraBytesMax = methodBytesMax + 12

    private let limits: RequestLimits

    init(limits: RequestLimits) {
        self.limits = limits
    }

    /// Finds the end of the head: the index after the empty line, or nil while it has not come.
    ///
    /// What can never become a good head is refused at once, not when the time is up.
    ///
    /// - `scanned`: How many bytes an earlier call has seen already; set to what this one saw.
    func headEnd(_ bytes: Span<UInt8>, scanned: inout Int) throws(Refusal) -> Int? {
        // Somebody who speaks TLS to this port would otherwise wait for an answer until the time is up.
        if scanned == 0, !bytes.isEmpty, !ASCII.isToken(bytes[0]) { throw .malformed("the method is not a token") }
        var index = scanned
        while index < bytes.count {
            guard bytes[index] == ASCII.lf else {
                index += 1
                continue
            }
            guard index > 0, bytes[index - 1] == ASCII.cr else { throw .malformed("a line ends without CR") }
            if index >= 3, bytes[index - 2] == ASCII.lf {
                try checkSize(bytes, index)
                return index + 1
            }
            index += 1
        }
        scanned = index
        try checkSize(bytes, index)
        return nil
    }

    /// Reads a head that is complete.
    ///
    /// - `end`: What ``headEnd(_:scanned:)`` found.
    func parse(_ bytes: Span<UInt8>, end: Int) throws(Refusal) -> RequestHead {
        var index = 0
        let method = try method(bytes, &index)
        let target = try target(bytes, &index, method)
        let isHTTP11 = try version(bytes, &index)

        var fields: [RequestHeaders.Field] = []
        fields.reserveCapacity(16)
        var framing = Framing(isHTTP11: isHTTP11)
        while index < end - 2 {
            guard fields.count < limits.fieldsMax else { throw tooLarge }
            let field = try field(bytes, &index)
            try framing.note(field, bytes)
            fields.append(field)
        }
        let body = try framing.result()

        var path = target
        var query: String?
        if let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) {
            path = String(target[..<mark])
            query = String(target[target.utf8.index(after: mark)...])
        }
        return RequestHead(
            method: method,
            path: path,
            query: query,
            headers: RequestHeaders(bytes: copy(bytes, 0..<end), fields: fields),
            framing: body,
            isKeptAlive: framing.isKeptAlive,
            expectsContinue: framing.expectsContinue,
            isHTTP11: isHTTP11
        )
    }

    private var tooLarge: Refusal {
        .headersTooLarge(bytesMax: limits.headBytesMax, fieldsMax: limits.fieldsMax)
    }

    /// Refuses a line, complete or not, only if the whole of it must be refused: how it was cut must not decide.
    private func checkSize(_ bytes: Span<UInt8>, _ count: Int) throws(Refusal) {
        let lineBytesMax = limits.targetBytesMax + Self.lineExtraBytesMax
        if count > lineBytesMax, !hasLineEnd(bytes, lineBytesMax) {
            throw .targetTooLong(bytesMax: limits.targetBytesMax)
        }
        guard count < limits.headBytesMax else { throw tooLarge }
    }

    private func hasLineEnd(_ bytes: Span<UInt8>, _ count: Int) -> Bool {
        for index in 0..<count where bytes[index] == ASCII.lf { return true }
        return false
    }

    private func method(_ bytes: Span<UInt8>, _ index: inout Int) throws(Refusal) -> Method {
        while ASCII.isToken(bytes[index]) { index += 1 }
        guard index > 0, bytes[index] == ASCII.space else { throw .malformed("the method is not a token") }
        guard index <= Self.methodBytesMax else {
            throw .malformed("the method is longer than \(Self.methodBytesMax) characters")
        }
        defer { index += 1 }
        return Method(text(bytes, 0..<index))
    }

    /// Origin form, absolute form (a server must take it), or the asterisk of OPTIONS (RFC 9112, section 3.2).
    private func target(_ bytes: Span<UInt8>, _ index: inout Int, _ method: Method) throws(Refusal) -> String {
        let start = index
        while bytes[index] > ASCII.space, bytes[index] < 0x7F, bytes[index] != UInt8(ascii: "#") { index += 1 }
        guard index > start, bytes[index] == ASCII.space else {
            throw .malformed("the request target is missing or has characters that must be percent-encoded")
        }
        guard index - start <= limits.targetBytesMax else {
            throw .targetTooLong(bytesMax: limits.targetBytesMax)
        }
        defer { index += 1 }
        if bytes[start] == UInt8(ascii: "/") { return text(bytes, start..<index) }
        if method == .options, index == start + 1, bytes[start] == UInt8(ascii: "*") { return "*" }
        return try withoutAuthority(bytes, start..<index)
    }

    private func withoutAuthority(_ bytes: Span<UInt8>, _ target: Range<Int>) throws(Refusal) -> String {
        let scheme: StaticString = "http://"
        let secureScheme: StaticString = "https://"
        var index = target.lowerBound
        if target.count > 7, ASCII.isEqual(bytes, index..<index + 7, scheme) {
            index += 7
        } else if target.count > 8, ASCII.isEqual(bytes, index..<index + 8, secureScheme) {
            index += 8
        } else {
            throw .malformed("the request target is neither a path nor an http URL")
        }
        let authority = index
        while index < target.upperBound, ASCII.isHost(bytes[index]) { index += 1 }
        guard index > authority, bytes[authority] != UInt8(ascii: ":") else {
            throw .malformed("the request target names no host")
        }
        guard index < target.upperBound else { return "/" }
        switch bytes[index] {
        case UInt8(ascii: "/"): return text(bytes, index..<target.upperBound)
        case UInt8(ascii: "?"): return "/" + text(bytes, index..<target.upperBound)
        default: throw .malformed("the request target names no host")
        }
    }

    private func version(_ bytes: Span<UInt8>, _ index: inout Int) throws(Refusal) -> Bool {
        let start = index
        while bytes[index] != ASCII.cr, bytes[index] != ASCII.lf { index += 1 }
        guard bytes[index] == ASCII.cr, bytes[index + 1] == ASCII.lf else {
            throw .malformed("the request line holds a lone CR")
        }
        let digits = start + 5
        guard index == digits + 3, ASCII.isExactly(bytes, start..<digits, "HTTP/"), ASCII.isDigit(bytes[digits]),
            bytes[digits + 1] == UInt8(ascii: "."), ASCII.isDigit(bytes[digits + 2])
        else { throw .malformed("the request line does not end in a version") }
        index += 2
        guard bytes[digits] == UInt8(ascii: "1") else { throw .unknownVersion }
        switch bytes[digits + 2] {
        case UInt8(ascii: "1"): return true
        case UInt8(ascii: "0"): return false
        default: throw .unknownVersion
        }
    }

    private func field(_ bytes: Span<UInt8>, _ index: inout Int) throws(Refusal) -> RequestHeaders.Field {
        let nameStart = index
        while ASCII.isToken(bytes[index]) { index += 1 }
        let name = nameStart..<index
        guard !name.isEmpty, bytes[index] == UInt8(ascii: ":") else {
            throw .malformed("a header line has no valid name and colon")
        }
        index += 1
        while ASCII.isSpace(bytes[index]) { index += 1 }
        let valueStart = index
        while ASCII.isFieldValue(bytes[index]) { index += 1 }
        guard bytes[index] == ASCII.cr, bytes[index + 1] == ASCII.lf else {
            throw .malformed("a header value holds a control character")
        }
        var valueEnd = index
        while valueEnd > valueStart, ASCII.isSpace(bytes[valueEnd - 1]) { valueEnd -= 1 }
        index += 2
        return RequestHeaders.Field(name: name, value: valueStart..<valueEnd)
    }

    private func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
        unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    private func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe Array($0) }
    }
}

/// Gathers from the fields what decides where the body ends and whether the connection stays.
private struct Framing {
    let isHTTP11: Bool
    var expectsContinue = false
    private var contentLength: Int?
    private var isChunked = false
    private var hasHost = false
    private var asksToClose = false
    private var asksToStay = false

    init(isHTTP11: Bool) {
        self.isHTTP11 = isHTTP11
    }

    /// One `close` anywhere is the last word (RFC 9112, section 9.3).
    var isKeptAlive: Bool { !asksToClose && (isHTTP11 || asksToStay) }

    mutating func note(_ field: RequestHeaders.Field, _ bytes: Span<UInt8>) throws(Refusal) {
        // Told apart by length first: most fields are none of these.
        switch field.name.count {
        case 4 where ASCII.isEqual(bytes, field.name, "host"): try noteHost(bytes, field.value)
        case 6 where ASCII.isEqual(bytes, field.name, "expect"):
            guard ASCII.isEqual(bytes, field.value, "100-continue") else { throw .unknownExpectation }
            expectsContinue = isHTTP11
        case 10 where ASCII.isEqual(bytes, field.name, "connection"): noteConnection(bytes, field.value)
        case 14 where ASCII.isEqual(bytes, field.name, "content-length"): try noteLength(bytes, field.value)
        case 17 where ASCII.isEqual(bytes, field.name, "transfer-encoding"):
            guard isHTTP11, !isChunked else { throw .malformed("Transfer-Encoding is repeated or not HTTP/1.1") }
            guard ASCII.isEqual(bytes, field.value, "chunked") else { throw .unknownTransferEncoding }
            isChunked = true
        default: break
        }
    }

    func result() throws(Refusal) -> RequestHead.Framing {
        guard hasHost || !isHTTP11 else { throw .malformed("Host is missing") }
        guard isChunked else { return contentLength.map { .length($0) } ?? .none }
        guard contentLength == nil else { throw .malformed("it has both Content-Length and Transfer-Encoding") }
        return .chunked
    }

    private mutating func noteHost(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(Refusal) {
        guard !hasHost else { throw .malformed("Host is repeated") }
        for index in value where !ASCII.isHost(bytes[index]) { throw .malformed("Host is not a host and port") }
        hasHost = true
    }

    private mutating func noteLength(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(Refusal) {
        guard contentLength == nil else { throw .malformed("Content-Length is repeated") }
        // 18 digits cannot overflow; anything near that is refused for its size anyway.
        guard (1...18).contains(value.count) else { throw .malformed("Content-Length is not a number") }
        var length = 0
        for index in value {
            guard ASCII.isDigit(bytes[index]) else { throw .malformed("Content-Length is not a number") }
            length = length * 10 + Int(bytes[index] - UInt8(ascii: "0"))
        }
        contentLength = length
    }

    private mutating func noteConnection(_ bytes: Span<UInt8>, _ value: Range<Int>) {
        var start = value.lowerBound
        while start < value.upperBound {
            var end = start
            while end < value.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
            let next = end + 1
            while start < end, ASCII.isSpace(bytes[start]) { start += 1 }
            while end > start, ASCII.isSpace(bytes[end - 1]) { end -= 1 }
            if ASCII.isEqual(bytes, start..<end, "close") { asksToClose = true }
            if ASCII.isEqual(bytes, start..<end, "keep-alive") { asksToStay = true }
            start = next
        }
    }
}
