import Domain
import HTTP
import JSON

/// What an error looks like on the wire: RFC 9457, `application/problem+json`.
struct Problem {
    let type: ProblemType
    let detail: String
    var violations: [AppError.Violation] = []
    /// Another time than the type's own.
    var retryAfterSeconds: Int?
    /// How far the service has come, while it starts.
    var progress: BootProgress?

    func response(requestID: String) -> Response {
        var json = JSONWriter()
        json.beginObject()
        json.key("type")
        // A link into this service's own documentation.
        json.string("/docs#problem-\(type.rawValue)")
        json.key("title")
        json.string(type.title)
        json.key("status")
        json.integer(Int64(type.status.code))
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
        if let progress {
            json.key("progress")
            json.beginObject()
            json.key("percent")
            if let percent = progress.percent { json.integer(percent) } else { json.null() }
            json.key("done_bytes")
            json.integer(progress.doneBytes)
            json.key("total_bytes")
            if let total = progress.totalBytes { json.integer(total) } else { json.null() }
            json.endObject()
        }
        json.key("request_id")
        json.string(requestID)
        json.endObject()
        var response = Response(type.status, type: "application/problem+json", body: json.bytes)
        if type == .unauthorized {
            response.add(lines: "WWW-Authenticate: Bearer realm=\"holdfast\"\r\n")
            response.add(lines: "WWW-Authenticate: Basic realm=\"holdfast\", charset=\"UTF-8\"\r\n")
        }
        if let seconds = retryAfterSeconds ?? type.retryAfterSeconds { response.add("Retry-After", String(seconds)) }
        return response
    }
}

extension Problem {
    init(_ error: AppError) {
        let type: ProblemType =
            switch error.code {
            case .malformed: .malformedRequest
            case .notFound: .notFound
            case .invalid: .invalid
            case .keyReused: .idempotencyKeyReused
            case .notReplicated: .notYetReplicated
            case .unavailable: .unavailable
            case .outcomeUnknown: .outcomeUnknown
            }
        self.init(type: type, detail: error.detail, violations: error.violations)
    }

    init(_ refusal: Refusal) {
        let type: ProblemType =
            switch refusal {
            case .malformed: .malformedRequest
            case .targetTooLong: .uriTooLong
            case .headersTooLarge: .headersTooLarge
            case .bodyTooLarge: .tooLarge
            case .unknownExpectation: .expectationFailed
            case .unknownTransferEncoding: .notImplemented
            case .unknownVersion: .httpVersion
            case .timedOut: .timeout
            case .overloaded: .unavailable
            }
        self.init(type: type, detail: refusal.detail)
    }

    /// A few words are all that a client hears of what went wrong inside.
    static var internalError: Problem {
        Problem(type: .internalError, detail: "Something went wrong here, not in the request.")
    }
}
