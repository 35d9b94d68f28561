internal import HTTPClient

/// What stores behind HTTP do in the same way.
protocol CloudStore: ObjectStore {
    var keys: KeySpace { get }
    var client: CloudClient { get }

    /// Scheme and host, and the encoded path of a full key or, for an empty one, of the bucket.
    func address(_ fullKey: String) -> (origin: String, path: String)

    /// What the service means by an answer, or nil when it did what was asked.
    func rejection(_ request: CloudRequest, _ answer: ClientAnswer) -> Rejection?
}

extension CloudStore {
    package func get(
        _ key: String,
        range: ObjectRange?,
        ifMatch: String?
    ) async throws(ObjectStoreError) -> StoredObject {
        let headers = range.map { [(name: "range", value: $0.header)] } ?? []
        // Room for the text of a refusal, however short the range.
        let bytesMax = max(range?.count ?? ObjectRange.bytesMax, CloudRequest.refusalBytesMax)
        let answer: ClientAnswer
        do throws(ObjectStoreError) {
            answer = try await send(.get, key, .reads, .get, headers: headers, answerBytesMax: bytesMax)
        } catch {
            // An object that was replaced by a shorter one has the range no more.
            guard error.kind == .outOfRange, let ifMatch, try await head(key).etag != ifMatch else { throw error }
            throw self.error(.changed, .get, key, "it was replaced by a shorter object")
        }
        return try answer.object(key, range, ifMatch: ifMatch) { error($0, .get, key, $1, answer) }
    }

    package func head(_ key: String) async throws(ObjectStoreError) -> ObjectInfo {
        let answer = try await send(.head, key, .reads, .head)
        guard let size = answer.header("content-length").flatMap(Int.init) else {
            throw error(.damaged, .head, key, "no Content-Length", answer)
        }
        return answer.info(key, size: size)
    }

    /// Deletes, and takes "there is none" for an answer.
    func remove(
        _ key: String,
        headers: [(name: String, value: String)] = []
    ) async throws(ObjectStoreError) -> Receipt {
        do throws(ObjectStoreError) {
            let answer = try await send(.delete, key, .repeatable, .delete, headers: headers)
            return Receipt(etag: nil, storeTime: answer.storeTime)
        } catch {
            guard error.kind == .notFound else { throw error }
            return Receipt(etag: nil, storeTime: error.storeTime)
        }
    }

    /// Sends a request about one key.
    func send(
        _ operation: ObjectStoreError.Operation,
        _ key: String,
        _ effect: RequestEffect,
        _ method: ClientRequest.Method,
        query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        answerBytesMax: Int = CloudRequest.refusalBytesMax
    ) async throws(ObjectStoreError) -> ClientAnswer {
        let fullKey = try keys.full(key, operation, name)
        return try await client.send(
            {
                let (origin, path) = address(fullKey)
                return CloudRequest(
                    operation,
                    key: key,
                    effect,
                    method,
                    origin: origin,
                    path: path,
                    query: query,
                    headers: headers,
                    body: body,
                    answerBytesMax: answerBytesMax
                )
            },
            judge: rejection
        )
    }

    /// Sends a request for a page of keys.
    func sendListing(
        _ prefix: String,
        query: [(name: String, value: String)]
    ) async throws(ObjectStoreError) -> ClientAnswer {
        try await client.send(
            {
                let (origin, path) = address("")
                return CloudRequest(
                    .list,
                    key: prefix,
                    .reads,
                    .get,
                    origin: origin,
                    path: path,
                    query: query,
                    answerBytesMax: CloudRequest.listingBytesMax
                )
            },
            judge: rejection
        )
    }

    /// The next part of a body: `count` bytes, or fewer at its end.
    func read(_ source: any ByteSource, _ count: Int, _ key: String) async throws(ObjectStoreError) -> [UInt8] {
        do { return try await source.read(count) } catch {
            throw self.error(.source, .put, key, "\(error)")
        }
    }

    func error(
        _ kind: ObjectStoreError.Kind,
        _ operation: ObjectStoreError.Operation,
        _ key: String,
        _ detail: String,
        _ answer: ClientAnswer? = nil,
        advice: String? = nil
    ) -> ObjectStoreError {
        let time = answer?.storeTime
        return ObjectStoreError(kind, operation, key: key, store: name, detail, advice: advice, storeTime: time)
    }
}
