internal import HTTPClient

/// How services that speak S3 say no.
///
/// - SeeAlso: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
struct S3Judge: Sendable {
    let site: S3Site

    func rejection(_ request: CloudRequest, _ answer: ClientAnswer) -> Rejection? {
        // The last request of a multipart upload may fail inside a 200; any other body of a 200 is an object's.
        guard answer.status >= 300 || request.method == .post else { return nil }
        let error = S3ErrorBody(answer)
        guard answer.status >= 300 || error != nil else { return nil }
        let detail = error?.detail ?? "HTTP \(answer.status)"
        if let rejection = byCode(error?.code ?? "", detail, request, answer) { return rejection }
        switch answer.status {
        case 301, 302, 307, 308: return elsewhere(detail, answer, error)
        case 400 where regionHint(answer, error) != nil: return elsewhere(detail, answer, error)
        case 304, 412: return Rejection(isCreate(request) ? .exists : .changed, detail)
        case 401:
            let advice = "the credentials are not accepted; check them"
            return Rejection(.credentials, detail, advice: advice, remedy: .renewCredentials)
        case 403:
            return Rejection(
                .accessDenied,
                detail,
                advice: "allow these credentials to read, write, list and delete below the prefix",
                // The answer to a HEAD has no body, so an expired token looks like this too.
                remedy: request.method == .head ? .renewCredentials : .none
            )
        case 400 where request.method == .head: return Rejection(.rejected, detail, remedy: .renewCredentials)
        case 404: return Rejection(isOnObject(request) ? .notFound : .bucketMissing, detail)
        case 408, 429: return Rejection(.throttled, detail)
        case 409: return Rejection(isCreate(request) ? .ambiguous : .unavailable, detail)
        case 416: return Rejection(.outOfRange, detail)
        case 501:
            return Rejection(.rejected, detail, advice: "the service lacks something that a replica needs")
        case 500...: return Rejection(.unavailable, detail)
        default: return Rejection(.rejected, detail)
        }
    }

    private func byCode(
        _ code: String,
        _ detail: String,
        _ request: CloudRequest,
        _ answer: ClientAnswer
    ) -> Rejection? {
        switch code {
        case "NoSuchBucket":
            return Rejection(.bucketMissing, detail, advice: "create the bucket, or correct its name or the region")
        case "NoSuchKey": return Rejection(.notFound, detail)
        case "PreconditionFailed": return Rejection(isCreate(request) ? .exists : .changed, detail)
        // Two writers at once; which of them won, nobody says.
        case "ConditionalRequestConflict", "OperationAborted":
            return Rejection(isCreate(request) ? .ambiguous : .unavailable, detail)
        case "SlowDown", "RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequests",
            "RequestTimeout":
            return Rejection(.throttled, detail)
        case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken":
            return Rejection(
                .credentials,
                detail,
                advice: "renew the session token, or use credentials that renew themselves",
                remedy: .renewCredentials
            )
        case "InvalidAccessKeyId":
            let advice = "check the access key, and that it is one of this service"
            return Rejection(.credentials, detail, advice: advice, remedy: .renewCredentials)
        case "SignatureDoesNotMatch":
            let advice = "check the secret access key; a proxy that changes requests has the same effect"
            return Rejection(.credentials, detail, advice: advice)
        case "RequestTimeTooSkewed", "RequestExpired":
            let there = answer.storeTime.map { "; there it is \($0.httpDate)" } ?? ""
            return Rejection(.misconfigured, detail + there, advice: "set this machine's clock")
        case "QuotaExceeded", "XMinioStorageFull":
            return Rejection(.unavailable, detail, advice: "make room, or raise the quota")
        default: return nil
        }
    }

    // MARK: Regions

    private func regionHint(_ answer: ClientAnswer, _ error: S3ErrorBody?) -> String? {
        answer.header("x-amz-bucket-region") ?? error?.region
    }

    private func elsewhere(_ detail: String, _ answer: ClientAnswer, _ error: S3ErrorBody?) -> Rejection {
        guard let region = regionHint(answer, error) else {
            let place = error?.endpoint ?? answer.header("location") ?? "an address it does not name"
            let advice = "redirects are not followed: set the endpoint or region so that no redirect is needed"
            return Rejection(.misconfigured, "\(detail): the service sends us to \(place)", advice: advice)
        }
        let asked = site.region
        if site.adopt(region) { return Rejection(.misconfigured, detail, remedy: .repeatAtOnce) }
        return Rejection(
            .misconfigured,
            "\(detail): the bucket is in the region \(region), and \(asked) was asked",
            advice: "set region to \(region)"
        )
    }

    private func isCreate(_ request: CloudRequest) -> Bool { request.operation == .create }

    /// Whether a 404 can be about a key: not for a listing, nor for a write.
    private func isOnObject(_ request: CloudRequest) -> Bool {
        request.operation == .get || request.operation == .head || request.operation == .delete
    }
}

/// The XML that comes with a refusal.
struct S3ErrorBody: Equatable {
    let code: String
    let message: String
    let region: String?
    let endpoint: String?

    /// Nil for anything that is not such a document; a proxy's HTML is not.
    init?(_ answer: ClientAnswer) {
        guard !answer.body.isEmpty, let root = try? XMLElement(parsing: answer.body) else { return nil }
        // STS wraps it.
        let error = root.name == "ErrorResponse" ? root.child("Error") ?? root : root
        guard error.name == "Error", let code = error.text("Code") else { return nil }
        self.code = code
        message = error.text("Message") ?? ""
        (region, endpoint) = (error.text("Region"), error.text("Endpoint"))
    }

    /// Short, on one line: it goes into logs and comes from elsewhere.
    var detail: String {
        let text = message.isEmpty ? code : "\(code): \(message)"
        return String(text.map { $0.isNewline ? " " : $0 }.prefix(300))
    }
}

/// One page of `ListObjectsV2`.
///
/// - SeeAlso: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
struct S3Listing: Equatable {
    let objects: [ObjectInfo]
    let isTruncated: Bool

    /// Strict: an entry that is passed over would be an object that a restore misses.
    init(_ body: [UInt8], keys: KeySpace) throws(StoreAnswerError) {
        let root: XMLElement
        do throws(XMLError) { root = try XMLElement(parsing: body) } catch {
            throw StoreAnswerError(message: "\(error)")
        }
        guard root.name == "ListBucketResult", let truncated = root.text("IsTruncated"),
            truncated == "true" || truncated == "false"
        else { throw StoreAnswerError(message: "not a listing: <\(root.name)>") }
        isTruncated = truncated == "true"
        let isEncoded = root.text("EncodingType") == "url"
        var objects: [ObjectInfo] = []
        for element in root.children where element.name == "Contents" {
            guard let written = element.text("Key"), let size = element.text("Size").flatMap(Int.init), size >= 0,
                let fullKey = isEncoded ? PercentEncoding.decode(written, plusIsSpace: true) : written,
                let modified = element.text("LastModified").flatMap(StoreTime.init(iso8601:))
            else { throw StoreAnswerError(message: "an entry without key, size or time") }
            guard let key = keys.relative(fullKey) else {
                throw StoreAnswerError(message: "\"\(fullKey)\" was not asked for")
            }
            let etag = element.text("ETag").flatMap(unquotedETag)
            objects.append(ObjectInfo(key: key, size: size, etag: etag, lastModified: modified))
        }
        self.objects = objects
    }
}

/// An answer that is not what the service documents.
struct StoreAnswerError: Error, Equatable {
    let message: String
}
