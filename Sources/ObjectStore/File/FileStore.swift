internal import Files

/// Objects as files below one folder.
///
/// A file is written under a temporary name in its own folder, synced, given its name, and then the folder is
/// synced: a reader never sees half an object, and what was acknowledged survives a power cut. The folder, and
/// those between it and a key, are made when first needed; a folder that does not exist lists as empty.
package struct FileStore: ObjectStore {
    package let name: String
    /// Without a slash at the end, so empty for `/` itself.
    private let root: String
    private let clock: StoreClock
    private let queue = BlockingQueue(label: "store.file")

    /// A name that begins so is a file of ours that is not finished, never a key.
    private static let temporaryPrefix = ".tmp-"
    private static let pieceBytes = 1 << 20

    /// Keeps its objects below `root`, an absolute path.
    package init(root: String, clock: StoreClock = .system) {
        precondition(root.hasPrefix("/"), "a file store needs an absolute path")
        self.root = root.split(separator: "/").map { "/" + $0 }.joined()
        self.clock = clock
        name = "file://\(root)"
    }

    package func createIfAbsent(
        _ key: String,
        _ bytes: [UInt8],
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        let path = try path(of: key, .create)
        let answer = try await run(.create, key) { () throws(FileError) -> Result<Receipt, Refusal> in
            let temporary = try makeTemporary(beside: path)
            let etag: String
            do throws(FileError) {
                try Self.append(bytes, to: temporary)
                let file = try File(reading: temporary)
                if let timestamp { try file.setModified(unixMilliseconds: timestamp.unixMilliseconds) }
                try file.sync()
                etag = try Self.etag(file.status())
                try Files.link(temporary, to: path)
            } catch {
                try Files.removeIfPresent(temporary)
                throw error
            }
            do throws(FileError) {
                try Files.removeIfPresent(temporary)
                try Files.syncFolder(Files.parent(of: path))
            } catch {
                return .failure(Refusal(.ambiguous, "it is there, and may not survive a power cut: \(error)"))
            }
            return .success(Receipt(etag: etag, storeTime: clock.now()))
        }
        return try unwrap(answer, .create, key)
    }

    package func put(
        _ key: String,
        from source: any ByteSource,
        timestamp: StoreTime?
    ) async throws(ObjectStoreError) -> Receipt {
        let path = try path(of: key, .put)
        let temporary = try await run(.put, key) { () throws(FileError) in try makeTemporary(beside: path) }
        do throws(ObjectStoreError) {
            while true {
                let bytes: [UInt8]
                do { bytes = try await source.read(Self.pieceBytes) } catch {
                    throw ObjectStoreError(.source, .put, key: key, store: name, "\(error)")
                }
                guard !bytes.isEmpty else { break }
                try await run(.put, key) { () throws(FileError) in try Self.append(bytes, to: temporary) }
            }
            return try await run(.put, key) { () throws(FileError) in
                let file = try File(reading: temporary)
                if let timestamp { try file.setModified(unixMilliseconds: timestamp.unixMilliseconds) }
                try file.sync()
                let etag = try Self.etag(file.status())
                try Files.rename(temporary, to: path)
                try Files.syncFolder(Files.parent(of: path))
                return Receipt(etag: etag, storeTime: clock.now())
            }
        } catch {
            // The first failure is the one to report; the leftover has a name that is no key.
            await queue.run { try? Files.removeIfPresent(temporary) }
            throw error
        }
    }

    package func get(
        _ key: String,
        range: ObjectRange?,
        ifMatch: String?
    ) async throws(ObjectStoreError) -> StoredObject {
        let path = try path(of: key, .get)
        let answer = try await run(.get, key) { () throws(FileError) -> Result<StoredObject, Refusal> in
            let file = try File(reading: path)
            let status = try file.status()
            guard !status.isFolder else { return .failure(Refusal(.notFound, "a folder is no object")) }
            if let ifMatch, ifMatch != Self.etag(status) { return .failure(Refusal(.changed, "it was replaced")) }
            let offset = range?.offset ?? 0
            guard offset < status.size || range == nil else {
                return .failure(Refusal(.outOfRange, "\(offset) is behind the end at \(status.size)"))
            }
            let count = min(range?.count ?? status.size, status.size - offset)
            guard count <= ObjectRange.bytesMax else {
                return .failure(Refusal(.tooLarge, "\(count) bytes; read it in ranges"))
            }
            let bytes = try file.read(at: offset, count: count)
            return .success(StoredObject(bytes: bytes, info: info(key, status)))
        }
        return try unwrap(answer, .get, key)
    }

    package func head(_ key: String) async throws(ObjectStoreError) -> ObjectInfo {
        let path = try path(of: key, .head)
        let status = try await run(.head, key) { () throws(FileError) in try File(reading: path).status() }
        guard !status.isFolder else { throw error(.notFound, .head, key, "a folder is no object") }
        return info(key, status)
    }

    package func list(_ request: ListRequest) async throws(ObjectStoreError) -> ObjectPage {
        try await run(.list, request.prefix) { () throws(FileError) in
            // Before the folders are read: what is not among the keys was not there at this time.
            let time = clock.now()
            var walk = Walk(request: request)
            try collect(folder: "", &walk)
            let isLast = walk.objects.count <= request.limit
            let objects = Array(walk.objects.prefix(request.limit))
            let next = isLast ? nil : request.next(startAfter: objects.last?.key)
            return ObjectPage(objects: objects, next: next, storeTime: time)
        }
    }

    package func delete(_ key: String) async throws(ObjectStoreError) -> Receipt {
        let path = try path(of: key, .delete)
        return try await run(.delete, key) { () throws(FileError) in
            do throws(FileError) { try Files.remove(path) } catch {
                guard error.isMissing || error.isBadName else { throw error }
                return Receipt(etag: nil, storeTime: clock.now())
            }
            try Files.syncFolder(Files.parent(of: path))
            return Receipt(etag: nil, storeTime: clock.now())
        }
    }

    // MARK: Listing

    private struct Walk {
        let request: ListRequest
        /// One more than was asked for, when there is one more.
        var objects: [ObjectInfo] = []
        var isFull: Bool { objects.count > request.limit }
    }

    /// Adds the keys below `folder` (empty, or ending in `/`) in order, and enters only folders that can hold some.
    private func collect(folder: String, _ walk: inout Walk) throws(FileError) {
        let found: [(name: String, isFolder: Bool)]
        do throws(FileError) { found = try Files.entries(of: "\(root)/\(folder)") } catch {
            // Removed since its name was read, or the store's own folder before the first write.
            guard error.isMissing else { throw error }
            return
        }
        // A folder sorts as its keys do: with the slash, which comes behind '-' and '.', for example.
        let names = found.filter { !$0.name.hasPrefix(Self.temporaryPrefix) }
            .map { folder + $0.name + ($0.isFolder ? "/" : "") }.sorted(by: isOrdered)
        for name in names where !walk.isFull {
            if name.hasSuffix("/") {
                guard canHold(name, walk.request) else { continue }
                try collect(folder: name, &walk)
            } else if name.utf8.starts(with: walk.request.prefix.utf8), isBehindStart(name, walk.request) {
                do throws(FileError) {
                    try walk.objects.append(info(name, File(reading: "\(root)/\(name)").status()))
                } catch { guard error.isMissing else { throw error } }
            }
        }
    }

    private func isBehindStart(_ key: String, _ request: ListRequest) -> Bool {
        guard let startAfter = request.startAfter else { return true }
        return isOrdered(startAfter, before: key)
    }

    private func canHold(_ folder: String, _ request: ListRequest) -> Bool {
        let prefix = request.prefix.utf8
        guard prefix.starts(with: folder.utf8) || folder.utf8.starts(with: prefix) else { return false }
        guard let startAfter = request.startAfter else { return true }
        return startAfter.utf8.starts(with: folder.utf8) || isOrdered(startAfter, before: folder)
    }

    // MARK: Files

    private func makeTemporary(beside path: String) throws(FileError) -> String {
        let folder = Files.parent(of: path)
        let temporary = "\(folder)/\(Self.temporaryPrefix)\(String(UInt64.random(in: 0 ... .max), radix: 16))"
        do throws(FileError) { _ = try File(creating: temporary) } catch {
            guard error.isMissing else { throw error }
            try Files.createFolder(folder)
            _ = try File(creating: temporary)
        }
        return temporary
    }

    private static func append(_ bytes: [UInt8], to path: String) throws(FileError) {
        let file = try File(appending: path)
        try file.write(bytes.span)
    }

    private static func etag(_ status: File.Status) -> String {
        "\(status.inode)-\(status.modifiedNanoseconds)-\(status.size)"
    }

    private func info(_ key: String, _ status: File.Status) -> ObjectInfo {
        ObjectInfo(
            key: key,
            size: status.size,
            etag: Self.etag(status),
            lastModified: StoreTime(unixMilliseconds: status.modifiedNanoseconds / 1_000_000),
            receivedAt: StoreTime(unixMilliseconds: status.changedNanoseconds / 1_000_000),
            storeTime: clock.now()
        )
    }

    private func path(of key: String, _ operation: ObjectStoreError.Operation) throws(ObjectStoreError) -> String {
        let full = try KeySpace(path: "").full(key, operation, name)
        guard !full.split(separator: "/").contains(where: { $0.hasPrefix(Self.temporaryPrefix) }) else {
            throw error(.invalidKey, operation, key, "\(Self.temporaryPrefix) marks unfinished files")
        }
        return "\(root)/\(full)"
    }

    // MARK: Errors

    private struct Refusal: Error {
        let kind: ObjectStoreError.Kind
        let detail: String
        init(_ kind: ObjectStoreError.Kind, _ detail: String) { (self.kind, self.detail) = (kind, detail) }
    }

    private func unwrap<Value>(
        _ answer: Result<Value, Refusal>,
        _ operation: ObjectStoreError.Operation,
        _ key: String
    ) throws(ObjectStoreError) -> Value {
        switch answer {
        case .success(let value): return value
        case .failure(let refusal): throw error(refusal.kind, operation, key, refusal.detail)
        }
    }

    private func run<Value: Sendable>(
        _ operation: ObjectStoreError.Operation,
        _ key: String,
        _ body: @escaping @Sendable () throws(FileError) -> Value
    ) async throws(ObjectStoreError) -> Value {
        guard !Task.isCancelled else { throw error(.cancelled, operation, key, "cancelled") }
        do throws(FileError) { return try await queue.run(body) } catch {
            throw self.error(error, operation, key)
        }
    }

    private func error(
        _ failure: FileError,
        _ operation: ObjectStoreError.Operation,
        _ key: String
    ) -> ObjectStoreError {
        let (kind, advice): (ObjectStoreError.Kind, String?) =
            if failure.isTaken {
                (.exists, nil)
            } else if failure.isMissing || failure.isBadName && (operation == .get || operation == .head) {
                (.notFound, nil)
            } else if failure.isDenied {
                (.accessDenied, "give this process's user the right to write there")
            } else if failure.isDiskFull {
                (.unavailable, "make room on the disk")
            } else if failure.isBadName {
                (.rejected, "a file is where a folder must be or the other way round, or a name is too long")
            } else {
                // fsync and the disk's own errors: what reached the disk is unknown.
                (operation == .create || operation == .put ? .ambiguous : .unavailable, nil)
            }
        return self.error(kind, operation, key, failure.description, advice)
    }

    private func error(
        _ kind: ObjectStoreError.Kind,
        _ operation: ObjectStoreError.Operation,
        _ key: String,
        _ detail: String,
        _ advice: String? = nil
    ) -> ObjectStoreError {
        ObjectStoreError(kind, operation, key: key, store: name, detail, advice: advice, storeTime: clock.now())
    }
}
