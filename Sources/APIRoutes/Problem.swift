import Domain
import HTTP
import JSON

/// What an error looks like on the wire: RFC 9457, `application/problem+json`.
struct Problem {
    /// The last part of `type`, which is a link into `/docs`; stable, so that programs can tell problems apart.
    let slug: String
    let status: Status
    let detail: String
    var violations: [AppError.Violation] = []
    var retryAfterSeconds: Int?

    func response(requestID: String) -> Response {
        var json = JSONWriter()
        json.beginObject()
        json.key("type")
        json.string("/docs#problem-\(slug)")
        json.key("title")
        json.string(status.reason)
        json.key("status")
        json.integer(Int64(status.code))
        json.key("detail")
        json.string(detail)
        if !violations.isEmpty {
            json.key("errors")
            json.beginArray()
            for violation in violations {
                json.beginObject()
                json.key("pointer")
                json.string(violation.pointer)
                json.key("detail")
                json.string(violation.detail)
                json.endObject()
            }
            json.endArray()
        }
        json.key("request_id")
        json.string(requestID)
        json.endObject()
        var response = Response(status, type: "application/problem+json", body: json.bytes)
        if let retryAfterSeconds { response.add("Retry-After", String(retryAfterSeconds)) }
        return response
    }
}

extension Problem {
    init(_ error: AppError) {
        switch error.code {
        case .malformed: self.init(slug: "malformed-request", status: .badRequest, detail: error.detail)
        case .notFound: self.init(slug: "not-found", status: .notFound, detail: error.detail)
        case .invalid:
            self.init(slug: "invalid", status: .unprocessable, detail: error.detail, violations: error.violations)
        case .unavailable:
            self.init(slug: "unavailable", status: .unavailable, detail: error.detail, retryAfterSeconds: 1)
        case .outcomeUnknown:
            self.init(slug: "outcome-unknown", status: .unavailable, detail: error.detail, retryAfterSeconds: 5)
        }
    }

    init(_ refusal: Refusal) {
        let slug =
            switch refusal {
            case .malformed: "malformed-request"
            case .targetTooLong: "uri-too-long"
            case .headersTooLarge: "headers-too-large"
            case .bodyTooLarge: "too-large"
            case .unknownExpectation: "expectation-failed"
            case .unknownTransferEncoding: "not-implemented"
            case .unknownVersion: "http-version"
            case .timedOut: "timeout"
            case .overloaded: "unavailable"
            }
        self.init(slug: slug, status: refusal.status, detail: refusal.detail)
        if case .overloaded = refusal { retryAfterSeconds = 1 }
    }

    /// Two words are all that a client hears of what went wrong inside.
    static var internalError: Problem {
        Problem(slug: "internal", status: .internalError, detail: "Something went wrong here, not in the request.")
    }
}
