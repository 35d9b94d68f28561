package import HTTP
import JSON

/// How far a start has come.
package struct BootProgress: Sendable, Equatable {
    /// What is being done, as a sentence.
    package let step: String
    package let doneBytes: Int64
    /// Nil while it is not known.
    package let totalBytes: Int64?

    package init(step: String, doneBytes: Int64 = 0, totalBytes: Int64? = nil) {
        (self.step, self.doneBytes, self.totalBytes) = (step, doneBytes, totalBytes)
    }

    /// Rounded down: 100 means done.
    var percent: Int64? {
        guard let totalBytes, totalBytes > 0 else { return nil }
        let (product, overflow) = min(doneBytes, totalBytes).multipliedReportingOverflow(by: 100)
        return overflow ? min(doneBytes, totalBytes) / (totalBytes / 100) : product / totalBytes
    }
}

/// What the service answers before its database is there: alive, not ready, and how far it has come.
///
/// Everything else is 503 with the time to try again, so that a client waits instead of failing.
package struct BootAPI: Handler {
    private let progress: @Sendable () -> BootProgress
    private let requestIDs: RequestIDs

    package init(progress: @escaping @Sendable () -> BootProgress) {
        self.progress = progress
        var generator = SystemRandomNumberGenerator()
        requestIDs = RequestIDs(using: &generator)
    }

    /// As large as the largest that is taken later: whoever comes early must hear "not yet", and not "too large".
    package func bodyBytesMax(for head: RequestHead) -> Int { PasteHandlers.formBytesMax }

    package func respond(to request: Request, context: RequestContext) async -> Response {
        let requestID = requestIDs.id(for: request.headers)
        if request.method == .get || request.method == .head, ["/health", "/healthz"].contains(request.path) {
            return finished(SystemHandlers.alive, requestID)
        }
        let progress = progress()
        var detail = progress.step
        if let percent = progress.percent, let total = progress.totalBytes {
            detail += " \(percent) % is done: \(progress.doneBytes) of \(total) bytes."
        }
        var problem = Problem(type: .unavailable, detail: "The service is starting. \(detail)")
        problem.progress = progress
        return finished(problem.response(requestID: requestID), requestID)
    }

    package func refuse(_ refusal: Refusal, context: RequestContext) -> Response {
        let requestID = requestIDs.id(for: nil)
        return finished(Problem(refusal).response(requestID: requestID), requestID)
    }

    private func finished(_ response: Response, _ requestID: String) -> Response {
        var response = response
        response.add("X-Request-Id", requestID)
        response.addSecurityFields(hasOwnPolicy: false)
        return response
    }
}
