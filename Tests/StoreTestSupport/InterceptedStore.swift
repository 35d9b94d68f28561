package import ObjectStore

/// A store that does something before each request, and whatever its own functions say instead.
package protocol InterceptedStore: ObjectStore {
    var inner: any ObjectStore { get }
    func before(_ operation: ObjectStoreError.Operation, _ key: String) async throws(ObjectStoreError)
}

extension InterceptedStore {
    package var name: String { inner.name }

    package func before(_ operation: ObjectStoreError.Operation, _ key: String) async throws(ObjectStoreError) {}

    package func createIfAbsent(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        try await before(.create, key)
        return try await inner.createIfAbsent(key, bytes, timestamp: timestamp)
    }
    package func put(
        _ key: String,
        from source: any ByteSource,
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        try await before(.put, key)
        return try await inner.put(key, from: source, timestamp: timestamp)
    }
    package func get(_ key: String, range: ObjectRange?, ifMatch: String?) async throws(ObjectStoreError)
        -> StoredObject
    {
        try await before(.get, key)
        return try await inner.get(key, range: range, ifMatch: ifMatch)
    }
    package func head(_ key: String) async throws(ObjectStoreError) -> ObjectInfo {
        try await before(.head, key)
        return try await inner.head(key)
    }
    package func list(_ request: ListRequest) async throws(ObjectStoreError) -> ObjectPage {
        try await before(.list, request.prefix)
        return try await inner.list(request)
    }
    package func delete(_ key: String) async throws(ObjectStoreError) -> Receipt {
        try await before(.delete, key)
        return try await inner.delete(key)
    }
}
