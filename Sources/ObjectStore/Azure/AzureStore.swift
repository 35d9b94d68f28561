internal import Crypto
internal import HTTPClient

/// Block blobs in a container of Azure Storage.
///
/// - SeeAlso: <https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api>
package struct AzureStore: CloudStore {
    package let name: String
    let keys: KeySpace
    let client: CloudClient
    private let endpoint: Endpoint
    private let container: String
    private let partBytes: Int

    private static let blockCountMax = 50_000
    private static let blockBlob = (name: "x-ms-blob-type", value: "BlockBlob")

    init(name: String, settings: StoreSettings, endpoint: Endpoint, client: CloudClient) {
        (self.name, self.endpoint, self.client) = (name, endpoint, client)
        keys = KeySpace(path: settings.path)
        (container, partBytes) = (settings.bucket, settings.partBytes)
    }

    package func createIfAbsent(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        let headers = [Self.blockBlob, (name: "if-none-match", value: "*")] + Self.metadata(timestamp)
        let answer = try await send(.create, key, .once, .put, headers: headers, body: bytes)
        return Receipt(etag: answer.etag, storeTime: answer.storeTime)
    }

    /// Uploads a large body as blocks, which nobody sees, and Azure forgets after a week, until they are a blob.
    package func put(
        _ key: String,
        from source: any ByteSource,
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        var part = try await read(source, partBytes, key)
        let metadata = Self.metadata(timestamp)
        guard part.count == partBytes else {
            let headers = [Self.blockBlob] + metadata
            let answer = try await send(.put, key, .repeatable, .put, headers: headers, body: part)
            return Receipt(etag: answer.etag, storeTime: answer.storeTime)
        }
        // The blocks of two uploads to one key must not mix: each has names of its own.
        let upload = Hex.encode((0..<8).map { _ in UInt8.random(in: 0...255) })
        var blocks: [String] = []
        repeat {
            guard blocks.count < Self.blockCountMax else {
                let detail = "more than \(Self.blockCountMax) blocks of \(partBytes) bytes"
                throw error(.tooLarge, .put, key, detail, advice: "set a larger part-size")
            }
            // All names of one blob's blocks have the same length, as Azure wants it.
            let number = String(blocks.count)
            let name = Array("\(upload)-\(String(repeating: "0", count: 5 - number.utf8.count))\(number)".utf8)
            let block = Base64.encode(name)
            let query = [(name: "comp", value: "block"), (name: "blockid", value: block)]
            _ = try await send(.put, key, .repeatable, .put, query: query, body: part)
            blocks.append(block)
            part = part.count == partBytes ? try await read(source, partBytes, key) : []
        } while !part.isEmpty
        let list =
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"
            + blocks.map { "<Latest>\($0)</Latest>" }.joined() + "</BlockList>"
        let query = [(name: "comp", value: "blocklist")]
        let body = Array(list.utf8)
        let answer = try await send(.put, key, .repeatable, .put, query: query, headers: metadata, body: body)
        return Receipt(etag: answer.etag, storeTime: answer.storeTime)
    }

    /// The headers that keep a time beside a blob; Azure takes no '-' in such a name.
    private static func metadata(_ timestamp: StoreTime?) -> [(name: String, value: String)] {
        timestamp.map { [(name: "x-ms-meta-litestreamtimestamp", value: $0.iso8601)] } ?? []
    }

    /// A page by Azure's own marker; it cannot begin behind a key, so what comes before it is left out here.
    package func list(_ request: ListRequest) async throws(ObjectStoreError) -> ObjectPage {
        var query: [(name: String, value: String)] = [
            ("restype", "container"), ("comp", "list"), ("maxresults", String(request.limit)),
            ("prefix", keys.prefix + request.prefix),
        ]
        if let token = request.token { query.append(("marker", token)) }
        let answer = try await sendListing(request.prefix, query: query)
        let listing: AzureListing
        do throws(StoreAnswerError) { listing = try AzureListing(answer.body, keys: keys) } catch {
            throw self.error(.damaged, .list, request.prefix, error.message, answer)
        }
        let objects = listing.objects.filter { object in
            request.startAfter.map { isOrdered($0, before: object.key) } ?? true
        }
        guard let marker = listing.marker else {
            return ObjectPage(objects: objects, next: nil, storeTime: answer.storeTime)
        }
        guard marker != request.token else {
            throw error(.damaged, .list, request.prefix, "the next page is the same page", answer)
        }
        return ObjectPage(objects: objects, next: request.next(token: marker), storeTime: answer.storeTime)
    }

    package func delete(_ key: String) async throws(ObjectStoreError) -> Receipt {
        // Without this, a blob of which somebody made a snapshot could not be deleted.
        try await remove(key, headers: [("x-ms-delete-snapshots", "include")])
    }

    func address(_ fullKey: String) -> (origin: String, path: String) {
        let key = fullKey.isEmpty ? "" : "/\(PercentEncoding.path(fullKey))"
        return (endpoint.origin, "\(endpoint.path)/\(PercentEncoding.component(container))\(key)")
    }

    func rejection(_ request: CloudRequest, _ answer: ClientAnswer) -> Rejection? {
        AzureJudge.rejection(request, answer)
    }
}
