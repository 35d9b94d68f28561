/// A whole answer; the server adds what belongs to the connection (length, date, close).
package struct Response: Sendable {
    package let status: Status
    package let body: [UInt8]
    /// Header lines as they are sent.
    package private(set) var fields: [UInt8] = []

    package init(_ status: Status, type: StaticString? = nil, body: [UInt8] = []) {
        self.status = status
        self.body = body
        fields.reserveCapacity(128)
        if let type { add("Content-Type", type.description) }
    }

    /// An answer whose header lines are written already, as ``fields`` gives them.
    package init(_ status: Status, fields: [UInt8], body: [UInt8]) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// Appends header lines that are a literal, each with its line end.
    package mutating func add(lines: StaticString) {
        unsafe fields.append(contentsOf: UnsafeBufferPointer(start: lines.utf8Start, count: lines.utf8CodeUnitCount))
    }

    /// Appends a header field.
    ///
    /// Control characters in the value are left out, so that no value can start a line of its own.
    package mutating func add(_ name: StaticString, _ value: String) {
        unsafe fields.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        fields.append(UInt8(ascii: ":"))
        fields.append(ASCII.space)
        if value.utf8.allSatisfy(ASCII.isFieldValue) {
            fields.append(contentsOf: value.utf8)
        } else {
            fields.append(contentsOf: value.utf8.lazy.filter(ASCII.isFieldValue))
        }
        fields.append(ASCII.cr)
        fields.append(ASCII.lf)
    }
}

/// Puts answers into bytes (RFC 9112, sections 4 to 6).
package enum ResponseEncoder {
    /// What becomes of the connection after an answer (RFC 9112, section 9.3).
    package enum Persistence: Sendable {
        /// It stays, as HTTP/1.1 takes for granted.
        case stays
        /// It stays, which a client of HTTP/1.0 believes only if it is told: it would wait for the end otherwise.
        case staysForHTTP10
        case closes
    }

    /// - `date`: A `Date` field's line, with its line end; made once a second by whoever has the clock.
    /// - `isHead`: The answer to HEAD has the fields of GET's, and no body.
    package static func append(
        _ response: Response,
        to output: inout [UInt8],
        date: [UInt8],
        isHead: Bool,
        persistence: Persistence
    ) {
        output.append(contentsOf: "HTTP/1.1 ".utf8)
        appendNumber(response.status.code, to: &output)
        output.append(ASCII.space)
        output.append(contentsOf: response.status.reason.utf8)
        output.append(contentsOf: "\r\n".utf8)
        output.append(contentsOf: response.fields)
        output.append(contentsOf: date)
        // 204 ends with its fields, whatever they say: a length or a body would be taken for the next answer.
        let hasBody = response.status != .noContent
        if hasBody {
            output.append(contentsOf: "Content-Length: ".utf8)
            appendNumber(response.body.count, to: &output)
            output.append(contentsOf: "\r\n".utf8)
        }
        switch persistence {
        case .stays: output.append(contentsOf: "\r\n".utf8)
        case .staysForHTTP10: output.append(contentsOf: "Connection: keep-alive\r\n\r\n".utf8)
        case .closes: output.append(contentsOf: "Connection: close\r\n\r\n".utf8)
        }
        if hasBody, !isHead { output.append(contentsOf: response.body) }
    }

    private static func appendNumber(_ value: Int, to output: inout [UInt8]) {
        var divisor = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            output.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}
