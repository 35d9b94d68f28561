/// Flat keys and bytes, whatever keeps them.
///
/// A key is relative to the store's own prefix: one to 1,024 bytes of UTF-8, its components separated by `/` and
/// neither empty nor `.` nor `..`; only at the root of an S3 bucket may it begin with a slash. Every call is safe to make from many tasks. A call that is cancelled before
/// anything was sent throws `.cancelled`; a write that is cancelled later throws `.ambiguous`.
package protocol ObjectStore: Sendable {
    /// Where the keys are, for messages: never holds a secret.
    var name: String { get }

    /// Creates `key` with these bytes, or fails with `.exists` when there is such a key.
    ///
    /// **Only a return says that this call created the object.** `.exists` may mean an earlier, lost attempt of
    /// the caller's own, and `.ambiguous` that the object may exist now or later; after either, read the key back.
    /// Nothing whose effect is unknown is ever sent a second time. `timestamp` is kept as in
    /// ``put(_:from:timestamp:)``.
    func createIfAbsent(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt

    /// Creates or replaces `key` with everything `source` gives, in memory that does not grow with it.
    ///
    /// A reader sees the old object or the whole new one. Tried again where the store did not answer, so the
    /// same bytes may be put more than once. `timestamp` is the time that the content is of; it is kept beside the
    /// object where Litestream looks for it: as user metadata, and as the modification time of a file.
    func put(
        _ key: String,
        from source: any ByteSource,
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt

    /// The object, or `range` of it, as far as it exists.
    ///
    /// Without a range, an object of more than ``ObjectRange/bytesMax`` fails with `.tooLarge`. `ifMatch` is an ETag
    /// that this store gave; another state of the object fails with `.changed`.
    func get(_ key: String, range: ObjectRange?, ifMatch: String?) async throws(ObjectStoreError) -> StoredObject

    func head(_ key: String) async throws(ObjectStoreError) -> ObjectInfo

    /// One page of keys in the order of their UTF-8 bytes; ask again with ``ObjectPage/next`` until that is nil.
    ///
    /// A page may be empty and still have a next one.
    func list(_ request: ListRequest) async throws(ObjectStoreError) -> ObjectPage

    /// Removes `key`; one that is not there is no error.
    func delete(_ key: String) async throws(ObjectStoreError) -> Receipt
}

extension ObjectStore {
    package func createIfAbsent(_ key: String, _ bytes: [UInt8]) async throws(ObjectStoreError) -> Receipt {
        try await createIfAbsent(key, bytes, timestamp: nil)
    }

    package func put(_ key: String, from source: any ByteSource) async throws(ObjectStoreError) -> Receipt {
        try await put(key, from: source, timestamp: nil)
    }

    /// Creates or replaces `key` with bytes that are in memory.
    @discardableResult
    package func put(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime? = nil
    ) async throws(ObjectStoreError) -> Receipt {
        try await put(key, from: BytesSource(bytes), timestamp: timestamp)
    }

    package func get(_ key: String) async throws(ObjectStoreError) -> StoredObject {
        try await get(key, range: nil, ifMatch: nil)
    }

    /// Hands an object of any size to `sink` in pieces, all of them of the one state that the first piece came from.
    ///
    /// The pieces are ranged GETs pinned to one ETag, so that a lost connection costs one piece, and a replaced
    /// object fails with `.changed` instead of giving a mixture.
    package func read(
        _ key: String,
        pieceBytes: Int = 8 << 20,
        into sink: ([UInt8]) async throws(ObjectStoreError) -> Void
    ) async throws(ObjectStoreError) -> ObjectInfo {
        let info = try await head(key)
        var offset = 0
        while offset < info.size {
            let range = ObjectRange(offset: offset, count: min(pieceBytes, info.size - offset))
            let piece = try await get(key, range: range, ifMatch: info.etag)
            guard piece.bytes.count == range.count else {
                throw ObjectStoreError(
                    .damaged,
                    .get,
                    key: key,
                    store: name,
                    "\(piece.bytes.count) bytes came for \(range.count) at \(offset) of \(info.size)"
                )
            }
            try await sink(piece.bytes)
            offset += range.count
        }
        return info
    }

    /// Every key of `prefix` behind `startAfter`, page by page.
    package func listAll(_ prefix: String, startAfter: String? = nil) async throws(ObjectStoreError) -> [ObjectInfo] {
        var objects: [ObjectInfo] = []
        var request: ListRequest? = ListRequest(prefix: prefix, startAfter: startAfter)
        while let page = request {
            let answer = try await list(page)
            objects += answer.objects
            request = answer.next
        }
        return objects
    }
}

/// What a store says after a write.
package struct Receipt: Sendable, Equatable {
    /// Nil when the store does not say (a deletion).
    package let etag: String?
    /// When the store did it, by the store's own clock; nil when it does not say.
    package let storeTime: StoreTime?

    package init(etag: String?, storeTime: StoreTime?) {
        (self.etag, self.storeTime) = (etag, storeTime)
    }
}

/// What a store knows about an object.
package struct ObjectInfo: Sendable, Equatable {
    package let key: String
    package let size: Int
    /// Names this state of the object, for `ifMatch`; opaque, and not comparable between stores.
    package let etag: String?
    /// For a file the time it was given, see ``ObjectStore/put(_:from:timestamp:)``: only ``receivedAt`` is the store's.
    package let lastModified: StoreTime?
    /// When the store received this state of the object, or later, by the store's own clock.
    package let receivedAt: StoreTime?
    /// The store's clock when it answered; nil in listings.
    package let storeTime: StoreTime?

    package init(
        key: String,
        size: Int,
        etag: String?,
        lastModified: StoreTime?,
        receivedAt: StoreTime? = nil,
        storeTime: StoreTime? = nil
    ) {
        (self.key, self.size, self.etag) = (key, size, etag)
        (self.lastModified, self.storeTime) = (lastModified, storeTime)
        self.receivedAt = receivedAt ?? lastModified
    }
}

/// Bytes of an object and what is known about all of it.
package struct StoredObject: Sendable, Equatable {
    package let bytes: [UInt8]
    /// `size` is that of the whole object, also after a ranged GET.
    package let info: ObjectInfo

    package init(bytes: [UInt8], info: ObjectInfo) {
        (self.bytes, self.info) = (bytes, info)
    }
}

/// A part of an object, small enough for memory.
package struct ObjectRange: Sendable, Equatable {
    /// The most that one GET holds in memory.
    package static let bytesMax = 64 << 20

    package let offset: Int
    package let count: Int

    package init(offset: Int, count: Int) {
        precondition(offset >= 0 && (1...Self.bytesMax).contains(count), "a range of \(count) bytes at \(offset)")
        (self.offset, self.count) = (offset, count)
    }
}

/// Which keys to list.
package struct ListRequest: Sendable, Equatable {
    /// The most keys in one page that any of the stores gives.
    package static let limitMax = 1000

    package let prefix: String
    /// Only keys behind this one.
    package let startAfter: String?
    /// The most keys in one page.
    package let limit: Int
    /// The store's own mark for the page, where a key is not enough.
    let token: String?

    package init(prefix: String, startAfter: String? = nil, limit: Int = limitMax) {
        self.init(prefix: prefix, startAfter: startAfter, limit: limit, token: nil)
    }

    init(prefix: String, startAfter: String?, limit: Int, token: String?) {
        precondition((1...Self.limitMax).contains(limit), "a page of \(limit) keys")
        (self.prefix, self.startAfter, self.limit, self.token) = (prefix, startAfter, limit, token)
    }

    func next(startAfter: String? = nil, token: String? = nil) -> ListRequest {
        ListRequest(prefix: prefix, startAfter: startAfter ?? self.startAfter, limit: limit, token: token)
    }
}

/// Some of the keys that were asked for.
package struct ObjectPage: Sendable, Equatable {
    package let objects: [ObjectInfo]
    /// What to ask for next, or nil when this was the last page.
    package let next: ListRequest?
    /// The store's clock when it answered.
    package let storeTime: StoreTime?

    package init(objects: [ObjectInfo], next: ListRequest?, storeTime: StoreTime? = nil) {
        (self.objects, self.next, self.storeTime) = (objects, next, storeTime)
    }
}
