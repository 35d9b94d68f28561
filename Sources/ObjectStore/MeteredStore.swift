package import Metrics

/// A store that counts what it is asked for, how it ended, how long it took and what it moved.
package struct MeteredStore: ObjectStore {
    private let store: any ObjectStore
    private let metrics: StoreMetrics

    package init(_ store: any ObjectStore, _ metrics: StoreMetrics) {
        (self.store, self.metrics) = (store, metrics)
    }

    package var name: String { store.name }

    package func createIfAbsent(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        let receipt = try await metrics.measure(.create) { () async throws(ObjectStoreError) in
            try await store.createIfAbsent(key, bytes, timestamp: timestamp)
        }
        metrics.sent.add(UInt64(bytes.count))
        return receipt
    }

    package func put(
        _ key: String,
        from source: any ByteSource,
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        try await metrics.measure(.put) { () async throws(ObjectStoreError) in
            try await store.put(key, from: CountedSource(source: source, bytes: metrics.sent), timestamp: timestamp)
        }
    }

    package func get(
        _ key: String,
        range: ObjectRange?,
        ifMatch: String?
    ) async throws(ObjectStoreError) -> StoredObject {
        let object = try await metrics.measure(.get) { () async throws(ObjectStoreError) in
            try await store.get(key, range: range, ifMatch: ifMatch)
        }
        metrics.received.add(UInt64(object.bytes.count))
        return object
    }

    package func head(_ key: String) async throws(ObjectStoreError) -> ObjectInfo {
        try await metrics.measure(.head) { () async throws(ObjectStoreError) in try await store.head(key) }
    }

    package func list(_ request: ListRequest) async throws(ObjectStoreError) -> ObjectPage {
        try await metrics.measure(.list) { () async throws(ObjectStoreError) in try await store.list(request) }
    }

    package func delete(_ key: String) async throws(ObjectStoreError) -> Receipt {
        try await metrics.measure(.delete) { () async throws(ObjectStoreError) in try await store.delete(key) }
    }
}

/// Counts what is read from another source.
private struct CountedSource: ByteSource {
    let source: any ByteSource
    let bytes: Counter

    func read(_ count: Int) async throws -> [UInt8] {
        let piece = try await source.read(count)
        bytes.add(UInt64(piece.count))
        return piece
    }
}

/// What a ``MeteredStore`` counts; requests are the caller's, so one that was tried three times counts once.
package struct StoreMetrics: Sendable {
    private struct Ending: Hashable, Sendable {
        let operation: ObjectStoreError.Operation
        /// `ok`, or the kind of the error.
        let result: String
    }

    private let requests: Family<Ending, Counter>
    private let seconds: Family<ObjectStoreError.Operation, Histogram>
    let sent: Counter
    let received: Counter

    /// - replica: Tells the stores of one program apart.
    package init(_ registry: Registry, replica: String) {
        let label = Label("replica", replica)
        requests = Family { ending in
            registry.counter(
                "holdfast_object_store_requests_total",
                "Requests to the object store.",
                [label, Label("operation", ending.operation.rawValue), Label("result", ending.result)]
            )
        }
        seconds = Family { operation in
            registry.histogram(
                "holdfast_object_store_request_duration_seconds",
                "How long requests to the object store took, retries included.",
                .requestSeconds,
                [label, Label("operation", operation.rawValue)]
            )
        }
        let bytes = { (direction: String) in
            registry.counter(
                "holdfast_object_store_bytes_total",
                "Bytes of objects that were moved.",
                [label, Label("direction", direction)]
            )
        }
        (sent, received) = (bytes("sent"), bytes("received"))
    }

    package var sentBytes: UInt64 { sent.value }
    package var receivedBytes: UInt64 { received.value }

    /// How many requests there were so far, whatever their end; what a bill is made of.
    package func requestCount(_ operations: ObjectStoreError.Operation...) -> UInt64 {
        requests.all.reduce(0) { operations.contains($1.0.operation) ? $0 + $1.1.value : $0 }
    }

    func measure<Answer>(
        _ operation: ObjectStoreError.Operation,
        _ request: () async throws(ObjectStoreError) -> Answer
    ) async throws(ObjectStoreError) -> Answer {
        let start = ContinuousClock.now
        defer { seconds[operation].observe(.now - start) }
        do throws(ObjectStoreError) {
            let answer = try await request()
            requests[Ending(operation: operation, result: "ok")].add()
            return answer
        } catch {
            requests[Ending(operation: operation, result: error.kind.rawValue)].add()
            throw error
        }
    }
}
