import ObjectStore
import Synchronization

/// A store whose calls are counted.
struct CountedStore: ObjectStore {
    private let store: any ObjectStore
    private let count: @Sendable (_ operation: String, _ byteCount: Int) -> Void

    init(_ store: any ObjectStore, count: @escaping @Sendable (String, Int) -> Void) {
        (self.store, self.count) = (store, count)
    }

    var name: String { store.name }

    func createIfAbsent(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        count("PUT", bytes.count)
        return try await store.createIfAbsent(key, bytes, timestamp: timestamp)
    }

    func put(
        _ key: String,
        from source: any ByteSource,
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        let measured = MeasuredSource(source)
        defer { count("PUT", measured.byteCount) }
        return try await store.put(key, from: measured, timestamp: timestamp)
    }

    func get(_ key: String, range: ObjectRange?, ifMatch: String?) async throws(ObjectStoreError) -> StoredObject {
        let object = try await store.get(key, range: range, ifMatch: ifMatch)
        count("GET", object.bytes.count)
        return object
    }

    func head(_ key: String) async throws(ObjectStoreError) -> ObjectInfo {
        count("HEAD", 0)
        return try await store.head(key)
    }

    func list(_ request: ListRequest) async throws(ObjectStoreError) -> ObjectPage {
        count("LIST", 0)
        return try await store.list(request)
    }

    func delete(_ key: String) async throws(ObjectStoreError) -> Receipt {
        count("DELETE", 0)
        return try await store.delete(key)
    }
}

private final class MeasuredSource: ByteSource {
    private let source: any ByteSource
    private let count = Mutex(0)

    init(_ source: any ByteSource) { self.source = source }

    var byteCount: Int { count.withLock { $0 } }

    func read(_ count: Int) async throws -> [UInt8] {
        let bytes = try await source.read(count)
        self.count.withLock { $0 += bytes.count }
        return bytes
    }
}
