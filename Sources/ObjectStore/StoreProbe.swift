/// Finds out whether a store keeps the one promise that a log with several writers needs.
///
/// Some services take `If-None-Match` and ignore it, which no documentation of theirs says: two writers would then
/// overwrite each other. Writes, reads and removes objects of its own that begin with `probe-`.
package struct StoreProbe: Sendable {
    private let store: any ObjectStore
    private let prefix: String

    package static let creatorCount = 8

    /// What the store does.
    package enum Verdict: Sendable, Equatable {
        case createsOnce
        /// Not fit for a log: in these words.
        case overwrites(String)
    }

    /// `id` tells this probe's objects from those of another at the same time.
    package init(_ store: any ObjectStore, id: UInt64 = .random(in: 0 ... .max)) {
        (self.store, prefix) = (store, "probe-\(String(id, radix: 16))-")
    }

    /// Tries it; an error means that the store could not even be asked.
    package func run() async throws(ObjectStoreError) -> Verdict {
        let verdict: Verdict
        do throws(ObjectStoreError) {
            if let refusal = try await createsTwice() {
                verdict = refusal
            } else {
                verdict = try await createsAtOnce() ?? .createsOnce
            }
        } catch {
            // What failed first is the news; the probe's objects may stay.
            _ = try? await removeAll()
            throw error
        }
        try await removeAll()
        return verdict
    }

    /// Tries as much of it as is needed where `mark` says that this was done before, if `isMarked`.
    ///
    /// What was found out in full is noted there; where that fails, it is found out again.
    package func run(_ mark: ProbeMark, isMarked: Bool) async throws(ObjectStoreError) -> Verdict {
        if isMarked, try await mark.isRefused() { return .createsOnce }
        let verdict = try await run()
        if verdict == .createsOnce { try? await mark.set() }
        return verdict
    }

    /// Creates a key, and again: the second must be refused and change nothing.
    private func createsTwice() async throws(ObjectStoreError) -> Verdict? {
        let key = prefix + "twice"
        _ = try await store.createIfAbsent(key, [1])
        do throws(ObjectStoreError) {
            _ = try await store.createIfAbsent(key, [2])
            return .overwrites("it created a key that was there")
        } catch {
            guard error.kind == .exists else { throw error }
        }
        let kept = try await store.get(key).bytes
        return kept == [1] ? nil : .overwrites("it refused to create a key that was there, and replaced it")
    }

    /// Creates a key from several tasks: one must win, and its bytes must be those that are read.
    private func createsAtOnce() async throws(ObjectStoreError) -> Verdict? {
        let key = prefix + "at-once"
        let results = await withTaskGroup(of: Result<UInt8, ObjectStoreError>.self) { group in
            for creator in 0..<UInt8(Self.creatorCount) {
                group.addTask {
                    await Result(catchingAsync: { () async throws(ObjectStoreError) in
                        _ = try await store.createIfAbsent(key, [creator])
                        return creator
                    })
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var winners: [UInt8] = []
        for result in results {
            switch result {
            case .success(let winner): winners.append(winner)
            case .failure(let error):
                // Losing may also look like an unknown outcome; only winning has to be certain.
                guard error.kind == .exists || error.kind == .ambiguous else { throw error }
            }
        }
        guard winners.count <= 1 else { return .overwrites("\(winners.count) of \(results.count) created one key") }
        let kept = try await store.get(key).bytes
        return winners.isEmpty || kept == winners ? nil : .overwrites("the bytes of a creator that lost were kept")
    }

    /// Writes and removes one small object, and returns the store's clock and how long the write took.
    ///
    /// The store's time is nil when its answers do not say; what they say is rounded to its second.
    package func measure(clock: StoreClock = .system) async throws(ObjectStoreError) -> (
        time: StoreTime?, took: Duration
    ) {
        let key = prefix + "clock"
        let start = clock.elapsed()
        let receipt = try await store.put(key, [0])
        let took = clock.elapsed() - start
        _ = try await store.delete(key)
        return (receipt.storeTime, took)
    }

    private func removeAll() async throws(ObjectStoreError) {
        for name in ["twice", "at-once"] { _ = try await store.delete(prefix + name) }
    }
}
