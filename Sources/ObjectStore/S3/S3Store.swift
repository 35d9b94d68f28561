internal import HTTPClient

/// Objects in a bucket of S3, or of a service that speaks S3.
///
/// - SeeAlso: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>
package struct S3Store: CloudStore {
    package let name: String
    let keys: KeySpace
    let client: CloudClient
    private let site: S3Site
    private let judge: S3Judge
    private let dialect: S3Dialect
    private let partBytes: Int

    init(name: String, settings: StoreSettings, site: S3Site, dialect: S3Dialect, client: CloudClient) {
        precondition(settings.partBytes >= StoreSettings.partBytesMin, "a part of \(settings.partBytes) bytes")
        (self.name, self.site, self.dialect, self.client) = (name, site, dialect, client)
        keys = KeySpace(path: settings.path, isBucket: true)
        judge = S3Judge(site: site)
        partBytes = settings.partBytes
    }

    package func createIfAbsent(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        let headers = [dialect.ifAbsent] + dialect.metadata(timestamp)
        let answer = try await send(.create, key, .once, .put, headers: headers, body: bytes)
        return Receipt(etag: answer.etag, storeTime: answer.storeTime)
    }

    package func list(_ request: ListRequest) async throws(ObjectStoreError) -> ObjectPage {
        var query: [(name: String, value: String)] = [
            ("list-type", "2"), ("encoding-type", "url"), ("max-keys", String(request.limit)),
            ("prefix", keys.prefix + request.prefix),
        ]
        // The page behind a key, not behind a token: a listing can go on after any failure, in any process.
        if let startAfter = request.startAfter { query.append(("start-after", keys.prefix + startAfter)) }
        let answer = try await sendListing(request.prefix, query: query)
        let listing: S3Listing
        do throws(StoreAnswerError) { listing = try S3Listing(answer.body, keys: keys) } catch {
            throw self.error(.damaged, .list, request.prefix, error.message, answer)
        }
        guard listing.isTruncated else {
            return ObjectPage(objects: listing.objects, next: nil, storeTime: answer.storeTime)
        }
        guard let last = listing.objects.last?.key, last != request.startAfter else {
            throw error(.damaged, .list, request.prefix, "a page without keys that is not the last", answer)
        }
        let next = request.next(startAfter: last)
        return ObjectPage(objects: listing.objects, next: next, storeTime: answer.storeTime)
    }

    package func delete(_ key: String) async throws(ObjectStoreError) -> Receipt { try await remove(key) }

    func address(_ fullKey: String) -> (origin: String, path: String) { (site.origin, site.path(fullKey)) }

    func rejection(_ request: CloudRequest, _ answer: ClientAnswer) -> Rejection? {
        judge.rejection(request, answer)
    }

    // MARK: Put

    package func put(
        _ key: String,
        from source: any ByteSource,
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        let first = try await read(source, partBytes, key)
        let metadata = dialect.metadata(timestamp)
        guard first.count == partBytes else {
            let answer = try await send(.put, key, .repeatable, .put, headers: metadata, body: first)
            return Receipt(etag: answer.etag, storeTime: answer.storeTime)
        }
        let upload = try await startUpload(key, metadata)
        do throws(ObjectStoreError) {
            let parts = try await uploadParts(key, upload, first, source)
            return try await completeUpload(key, upload, parts)
        } catch {
            // Parts of an upload that nobody ends are paid for, and listed nowhere. What failed first is the news.
            if error.kind != .ambiguous { await abortUpload(key, upload) }
            throw error
        }
    }

    private func startUpload(
        _ key: String,
        _ metadata: [(name: String, value: String)]
    ) async throws(ObjectStoreError) -> String {
        let answer = try await send(.put, key, .repeatable, .post, query: [("uploads", "")], headers: metadata)
        guard let root = try? XMLElement(parsing: answer.body), let upload = root.text("UploadId"), !upload.isEmpty
        else {
            throw error(.damaged, .put, key, "no UploadId", answer)
        }
        return upload
    }

    /// Uploads part after part, with one part in memory, and gives their ETags in order.
    private func uploadParts(
        _ key: String,
        _ upload: String,
        _ first: [UInt8],
        _ source: any ByteSource
    ) async throws(ObjectStoreError) -> [String] {
        var etags: [String] = []
        var part = first
        repeat {
            guard etags.count < Self.partCountMax else {
                let detail = "more than \(Self.partCountMax) parts of \(partBytes) bytes"
                throw error(.tooLarge, .put, key, detail, advice: "set a larger part-size")
            }
            let query = [(name: "partNumber", value: String(etags.count + 1)), (name: "uploadId", value: upload)]
            let answer = try await send(.put, key, .repeatable, .put, query: query, body: part)
            guard let etag = answer.header("etag") else {
                throw error(.damaged, .put, key, "a part has no ETag", answer)
            }
            etags.append(etag)
            part = part.count == partBytes ? try await read(source, partBytes, key) : []
        } while !part.isEmpty
        return etags
    }

    /// Makes one object of the parts.
    ///
    /// Sent once only: after a lost answer a second one is told that there is no such upload, which would read as
    /// a failure.
    private func completeUpload(
        _ key: String,
        _ upload: String,
        _ etags: [String]
    ) async throws(ObjectStoreError) -> Receipt {
        let parts = etags.enumerated().map { index, etag in
            "<Part><PartNumber>\(index + 1)</PartNumber><ETag>\(etag.xmlEscaped)</ETag></Part>"
        }
        let body = "<CompleteMultipartUpload>\(parts.joined())</CompleteMultipartUpload>"
        let query = [(name: "uploadId", value: upload)]
        let answer = try await send(.put, key, .once, .post, query: query, body: Array(body.utf8))
        guard let root = try? XMLElement(parsing: answer.body), root.name == "CompleteMultipartUploadResult" else {
            throw error(.ambiguous, .put, key, "the upload's end was answered with something else", answer)
        }
        return Receipt(etag: root.text("ETag").flatMap(unquotedETag), storeTime: answer.storeTime)
    }

    private func abortUpload(_ key: String, _ upload: String) async {
        let query = [(name: "uploadId", value: upload)]
        // In a task of its own, so that a cancelled put also cleans up.
        await Task { _ = try? await send(.delete, key, .repeatable, .delete, query: query) }.value
    }

    private static let partCountMax = 10_000
}

/// The words of S3's that Google has its own for.
struct S3Dialect: Sendable {
    /// The condition that no object of this name exists.
    let ifAbsent: (name: String, value: String)
    /// What the names of user metadata begin with.
    let metadataPrefix: String

    static let amazon = S3Dialect(ifAbsent: ("if-none-match", "*"), metadataPrefix: "x-amz-meta-")
    /// A generation of zero is that of no object.
    static let google = S3Dialect(ifAbsent: ("x-goog-if-generation-match", "0"), metadataPrefix: "x-goog-meta-")

    /// The headers that keep a time beside an object.
    func metadata(_ timestamp: StoreTime?) -> [(name: String, value: String)] {
        timestamp.map { [(name: "\(metadataPrefix)litestream-timestamp", value: $0.iso8601)] } ?? []
    }
}

extension String {
    var xmlEscaped: String {
        reduce(into: "") { text, character in
            switch character {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            default: text.append(character)
            }
        }
    }
}
