package import LTX
package import ObjectStore

/// A file of an LTX replica, as its name and its listing describe it.
package struct LTXFile: Hashable, Sendable {
    package let level: Int
    package let minTXID: TXID
    package let maxTXID: TXID
    package let object: ReplicaObject
    /// The time of its last transaction.
    ///
    /// Only the file itself knows it; before that was read, this is when the store received the file.
    package var createdAtMilliseconds: Int64

    package init(level: Int, minTXID: TXID, maxTXID: TXID, object: ReplicaObject) {
        (self.level, self.minTXID, self.maxTXID, self.object) = (level, minTXID, maxTXID, object)
        createdAtMilliseconds = object.timeMilliseconds
    }
}

/// An object of a replica, as a listing shows it.
package struct ReplicaObject: Hashable, Sendable {
    package let key: String
    package let size: Int
    /// When the store received it, or the time that it was given.
    package let timeMilliseconds: Int64
    /// When the store received it, or later.
    package let receivedMilliseconds: Int64

    package init(key: String, size: Int, timeMilliseconds: Int64, receivedMilliseconds: Int64? = nil) {
        (self.key, self.size, self.timeMilliseconds) = (key, size, timeMilliseconds)
        self.receivedMilliseconds = receivedMilliseconds ?? timeMilliseconds
    }

    init(_ info: ObjectInfo) {
        self.init(
            key: info.key,
            size: info.size,
            timeMilliseconds: info.lastModified?.unixMilliseconds ?? 0,
            receivedMilliseconds: info.receivedAt?.unixMilliseconds
        )
    }
}

/// A file of a Litestream 0.3 replica, as its name and its listing describe it.
package struct GenerationFile: Hashable, Sendable {
    package let name: GenerationObject
    package let object: ReplicaObject
}

/// What a replica holds, in whichever format.
package struct ReplicaListing: Sendable {
    /// By level, then by transaction.
    package internal(set) var ltx: [LTXFile]
    /// By generation, then snapshots and segments in order.
    package let generations: [GenerationFile]
    /// Whether this is all; else level 0 has older files too, which a level above covers.
    package let isWhole: Bool

    package var isEmpty: Bool { ltx.isEmpty && generations.isEmpty }

    /// When the newest object came.
    package var latestMilliseconds: Int64? {
        (ltx.map(\.object) + generations.map(\.object)).map(\.timeMilliseconds).max()
    }

    /// Sorts out what was found; keys of any other form are nobody's business.
    package init(_ found: [ReplicaObject], isWhole: Bool = true) {
        self.isWhole = isWhole
        let layouts = ReplicaLayout.allCases.map { layout in
            found.compactMap { object in
                layout.parse(object.key).map {
                    LTXFile(level: $0.level, minTXID: $0.min, maxTXID: $0.max, object: object)
                }
            }
        }
        // Below one root, two layouts are two histories that have nothing to do with each other.
        let newest = layouts.max { Self.newest($0) < Self.newest($1) } ?? []
        ltx = newest.sorted { ($0.level, $0.minTXID, $0.maxTXID) < ($1.level, $1.minTXID, $1.maxTXID) }
        generations = found.compactMap { object in
            GenerationObject(key: object.key).map { GenerationFile(name: $0, object: object) }
        }.sorted { $0.object.key < $1.object.key }
    }

    /// Lists what is below the root of `store`.
    package init(of store: any ObjectStore) async throws(ObjectStoreError) {
        // By what keys can begin with: a root may hold much else, such as the replicas of other databases.
        let prefixes = ReplicaLayout.allCases.map(\.prefix) + ["generations/"]
        // All at the same time: a service that boots waits for them.
        let listings = await withTaskGroup(of: Result<[ObjectInfo], ObjectStoreError>.self) { group in
            for prefix in prefixes {
                group.addTask {
                    do throws(ObjectStoreError) { return .success(try await store.listAll(prefix)) } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var found: [ReplicaObject] = []
        for listing in listings {
            found += try listing.get().map { ReplicaObject($0) }
        }
        self.init(found)
    }

    private static func newest(_ files: [LTXFile]) -> Int64 { files.map(\.object.timeMilliseconds).max() ?? .min }
}
