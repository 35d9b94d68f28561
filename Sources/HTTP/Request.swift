/// The request line and the header fields.
package struct RequestHead: Sendable {
    /// How the body's end is found (RFC 9112, section 6).
    package enum Framing: Sendable, Hashable {
        case none
        case length(Int)
        case chunked
    }

    package let method: Method
    /// Still percent-encoded, starting with a slash; `*` for `OPTIONS *`.
    package let path: String
    /// What follows the question mark, still percent-encoded.
    package let query: String?
    package let headers: RequestHeaders
    package let framing: Framing
    package let isKeptAlive: Bool
    package let expectsContinue: Bool
    package let isHTTP11: Bool
}

/// A whole request.
package struct Request: Sendable {
    package let head: RequestHead
    package let body: [UInt8]

    package init(head: RequestHead, body: [UInt8]) {
        self.head = head
        self.body = body
    }

    package var method: Method { head.method }
    package var path: String { head.path }
    package var headers: RequestHeaders { head.headers }

    /// How much memory its bytes take, head and body.
    package var byteCount: Int { head.headers.byteCount + body.count }
}
