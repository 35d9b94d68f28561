internal import ObjectStore

/// What a replica's newest state is made of, and a moment at which nothing behind that had come free.
///
/// Level 0 keeps every transaction of the last hour, tens of thousands beside a busy service, and all of them but the
/// last few are in a level above too. They would come in one page after the other while nobody is served, so they are
/// passed over.
struct NewestListing: Sendable {
    let listing: ReplicaListing
    let confirmation: LogMachine.Confirmation

    /// What is read of the first keys, before it is known where to go on: all, of a small replica.
    private static let headCount = 100

    /// Lists what is below the root of `store`, where a replica is expected to have this layout.
    ///
    /// Whatever it has, nothing is missed that a restore of the newest state needs.
    init(of store: any ObjectStore, expecting layout: ReplicaLayout, at local: LocalTime) async throws(ObjectStoreError)
    {
        let behind = ListRequest(prefix: "", startAfter: layout.levelZeroEnd)
        async let upper = Self.page(of: store, behind)
        async let head = Self.page(of: store, ListRequest(prefix: "", limit: Self.headCount))
        let (first, rest) = (try await head.get(), try await upper.get())
        // The earlier of two questions that were asked at once.
        let storeTime = first.storeTime.flatMap { time in rest.storeTime.map { min(time, $0) } }
        confirmation = LogMachine.Confirmation(storeTime: storeTime, local: local)
        listing = try await Self.listing(of: store, layout, first, rest)
    }

    private static func listing(
        of store: any ObjectStore,
        _ layout: ReplicaLayout,
        _ first: ObjectPage,
        _ rest: ObjectPage
    ) async throws(ObjectStoreError) -> ReplicaListing {
        guard first.next != nil else { return ReplicaListing(first.objects.map { ReplicaObject($0) }) }
        // Among much that is no replica, only what keys can begin with is asked for; and so where the transactions that
        // were passed over might be needed.
        guard rest.next == nil, let last = first.objects.last?.key, !isOrdered(last, layout.prefix) else {
            return try await ReplicaListing(of: store)
        }
        let upper = rest.objects.map { ReplicaObject($0) }
        // In this layout: the root may hold a replica in another one too, whose levels cover nothing of this.
        let covered = upper.compactMap { layout.parse($0.key) }.filter { $0.level > 0 }.map(\.max).max()
        let passedOver = covered.map { layout.key(level: 0, min: $0, max: $0) } ?? last
        let start = isOrdered(last, passedOver) ? passedOver : last
        let isToGoOn = isOrdered(start, layout.levelZeroEnd)
        let tail = isToGoOn ? try await store.listAll(layout.levelZeroPrefix, startAfter: start) : []
        let objects = first.objects + tail
        // What was listed twice is one object.
        let found = Dictionary(
            objects.map { ($0.key, ReplicaObject($0)) } + upper.map { ($0.key, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let listing = ReplicaListing(Array(found.values), isWhole: start == last || !isToGoOn)
        guard listing.isWhole || (try? RestorePlan(listing)) != nil else { return try await ReplicaListing(of: store) }
        return listing
    }

    private static func page(
        of store: any ObjectStore,
        _ request: ListRequest
    ) async -> Result<ObjectPage, ObjectStoreError> {
        do throws(ObjectStoreError) { return .success(try await store.list(request)) } catch { return .failure(error) }
    }

    /// The order of keys: by the bytes of their UTF-8.
    private static func isOrdered(_ one: String, _ other: String) -> Bool {
        one.utf8.lexicographicallyPrecedes(other.utf8)
    }
}
