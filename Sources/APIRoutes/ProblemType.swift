package import HTTP

/// The kinds of errors there are, by names that stay: programs tell problems apart by them.
///
/// The OpenAPI document lists the same ones, with what to do about each.
package enum ProblemType: String, Sendable, CaseIterable {
    case malformedRequest = "malformed-request"
    case unauthorized
    case forbidden
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case timeout
    case tooLarge = "too-large"
    case uriTooLong = "uri-too-long"
    case expectationFailed = "expectation-failed"
    case invalid
    case idempotencyKeyReused = "idempotency-key-reused"
    case tooManyRequests = "too-many-requests"
    case headersTooLarge = "headers-too-large"
    case internalError = "internal"
    case notImplemented = "not-implemented"
    case unavailable
    case outcomeUnknown = "outcome-unknown"
    case notYetReplicated = "not-yet-replicated"
    case httpVersion = "http-version"

    package var status: Status {
        switch self {
        case .malformedRequest: .badRequest
        case .unauthorized: .unauthorized
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .timeout: .requestTimeout
        case .tooLarge: .contentTooLarge
        case .uriTooLong: .uriTooLong
        case .expectationFailed: .expectationFailed
        case .invalid, .idempotencyKeyReused: .unprocessable
        case .tooManyRequests: .tooManyRequests
        case .headersTooLarge: .headersTooLarge
        case .internalError: .internalError
        case .notImplemented: .notImplemented
        case .unavailable, .outcomeUnknown, .notYetReplicated: .unavailable
        case .httpVersion: .versionNotSupported
        }
    }

    package var title: String {
        switch self {
        case .malformedRequest: "Malformed request"
        case .unauthorized: "Unauthorized"
        case .forbidden: "Forbidden"
        case .notFound: "Not found"
        case .methodNotAllowed: "Method not allowed"
        case .timeout: "Request timeout"
        case .tooLarge: "Body too large"
        case .uriTooLong: "URI too long"
        case .expectationFailed: "Expectation failed"
        case .invalid: "Invalid body"
        case .idempotencyKeyReused: "Idempotency key reused"
        case .tooManyRequests: "Too many requests"
        case .headersTooLarge: "Header too large"
        case .internalError: "Internal error"
        case .notImplemented: "Not implemented"
        case .unavailable: "Unavailable"
        case .outcomeUnknown: "Outcome unknown"
        case .notYetReplicated: "Not yet replicated"
        case .httpVersion: "HTTP version not supported"
        }
    }

    /// When a retry may help, and after how many seconds.
    var retryAfterSeconds: Int? {
        switch self {
        case .unavailable, .notYetReplicated: 1
        case .outcomeUnknown: 5
        default: nil
        }
    }
}
