/// Why the server itself turns a request away, before or instead of any handler.
package enum Refusal: Error, Sendable, Hashable {
    /// The bytes are not the HTTP that a strict reader accepts.
    case malformed(String)
    case targetTooLong(bytesMax: Int)
    case headersTooLarge(bytesMax: Int, fieldsMax: Int)
    case bodyTooLarge(bytesMax: Int)
    case unknownExpectation
    case unknownTransferEncoding
    case unknownVersion
    /// Head or body did not arrive whole in the time that it has in all.
    case timedOut
    /// A limit of the server as a whole is reached; the same request may succeed later.
    case overloaded(String)

    package var status: Status {
        switch self {
        case .malformed: .badRequest
        case .targetTooLong: .uriTooLong
        case .headersTooLarge: .headersTooLarge
        case .bodyTooLarge: .contentTooLarge
        case .unknownExpectation: .expectationFailed
        case .unknownTransferEncoding: .notImplemented
        case .unknownVersion: .versionNotSupported
        case .timedOut: .requestTimeout
        case .overloaded: .unavailable
        }
    }

    /// What was wrong and what to do, for the person who sent it.
    package var detail: String {
        switch self {
        case .malformed(let what): "The request is not valid HTTP/1.1: \(what)."
        case .targetTooLong(let bytesMax): "The request target is longer than \(bytesMax) bytes."
        case .headersTooLarge(let bytesMax, let fieldsMax):
            "The header is larger than \(bytesMax) bytes or has more than \(fieldsMax) fields."
        case .bodyTooLarge(let bytesMax): "The body is larger than \(bytesMax) bytes, the most that is taken here."
        case .unknownExpectation: "The only expectation that can be met is 100-continue."
        case .unknownTransferEncoding: "The only transfer encoding that is understood is chunked."
        case .unknownVersion: "Only HTTP/1.1 and HTTP/1.0 are spoken here."
        case .timedOut: "The request did not arrive in time."
        case .overloaded(let what): "\(what) Try again shortly."
        }
    }
}
