internal import HTTPClient

/// How Azure says no.
///
/// - SeeAlso: <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>
enum AzureJudge {
    static func rejection(_ request: CloudRequest, _ answer: ClientAnswer) -> Rejection? {
        guard answer.status >= 300 else { return nil }
        let error = S3ErrorBody(answer)  // the same document, in Azure's words
        // The answer to a HEAD has the code in a header only.
        let code = answer.header("x-ms-error-code") ?? error?.code ?? ""
        let detail = error?.detail ?? (code.isEmpty ? "HTTP \(answer.status)" : code)
        let isCreate = request.operation == .create
        switch (code, answer.status) {
        case ("BlobAlreadyExists", _): return Rejection(.exists, detail)
        case ("ContainerNotFound", _), ("ContainerBeingDeleted", _), ("ContainerDisabled", _):
            let advice = "create the container, or correct its name or the account's"
            return Rejection(.bucketMissing, detail, advice: advice)
        case ("AuthenticationFailed", _), ("InvalidAuthenticationInfo", _), (_, 401):
            let there = answer.storeTime.map { " (there it is \($0.httpDate))" } ?? ""
            let advice = "check the account key or the SAS token, its expiry, and this machine's clock\(there)"
            return Rejection(.credentials, detail, advice: advice)
        case (_, 403):
            let advice = "allow these credentials to read, write, list and delete, and check the account's firewall"
            return Rejection(.accessDenied, detail, advice: advice)
        case (_, 304), (_, 412): return Rejection(isCreate ? .exists : .changed, detail)
        case (_, 404):
            let isOnObject = [.get, .head, .delete].contains(request.operation)
            return Rejection(isOnObject ? .notFound : .bucketMissing, detail)
        case (_, 416): return Rejection(.outOfRange, detail)
        case ("ServerBusy", _), (_, 408), (_, 429): return Rejection(.throttled, detail)
        case (_, 500...): return Rejection(.unavailable, detail)
        case (_, 301...308):
            return Rejection(.misconfigured, detail, advice: "redirects are not followed: check the endpoint")
        default: return Rejection(.rejected, detail)
        }
    }
}
