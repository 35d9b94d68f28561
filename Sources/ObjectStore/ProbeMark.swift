/// An object that says that a store was probed and found fit, and that may not be created a second time.
///
/// A probe takes a dozen requests, one after the other. What it finds out is a property of the program that answers at
/// an endpoint, which hardly ever changes, so a start that finds the mark asks only once more: it tries to create the
/// mark, which must be refused. That is what a store that began to ignore the condition would not do, such as another
/// one that took its place, or a proxy that drops the header. Whether of many creators at the same time only one wins is
/// not seen by that, which is why the mark counts for some days only, and for one endpoint.
package struct ProbeMark: Sendable {
    private let store: any ObjectStore
    let key: String

    /// How long a probe counts, by the store's own clock.
    static let validity = Duration.seconds(7 * 86_400)

    private static let text = """
        Holdfast has found that this store creates an object only where there is none, and that of several creators \
        only one wins. If this object is removed, the next start finds that out again.

        """
    /// What a second creator would leave; whoever reads it knows that nothing was proven.
    private static let trial = "not proven\n"

    package init(_ store: any ObjectStore) {
        self.store = store
        // FNV-1a, which tells the few endpoints of a replica apart.
        let hash = store.name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        key = "probed/\(String(hash, radix: 16))"
    }

    /// Whether the store was probed from this endpoint not long ago; changes nothing.
    package func isValid() async throws(ObjectStoreError) -> Bool {
        let found: StoredObject
        do throws(ObjectStoreError) { found = try await store.get(key) } catch {
            guard error.kind == .notFound else { throw error }
            return false
        }
        guard found.bytes == Array(Self.text.utf8), let created = found.info.receivedAt, let now = found.info.storeTime
        else { return false }
        return now.since(created) < Self.validity
    }

    /// Whether the store was seen to refuse to create the mark, which is there.
    package func isRefused() async throws(ObjectStoreError) -> Bool {
        do throws(ObjectStoreError) {
            _ = try await store.createIfAbsent(key, Array(Self.trial.utf8))
            return false
        } catch {
            // What is not known was not seen.
            guard error.kind == .exists || error.kind == .ambiguous else { throw error }
            return error.kind == .exists
        }
    }

    /// Notes that the store was just probed and found fit.
    package func set() async throws(ObjectStoreError) {
        do throws(ObjectStoreError) {
            // An old one must go: its time is what counts, and some buckets let nobody replace anything.
            _ = try await store.delete(key)
            _ = try await store.createIfAbsent(key, Array(Self.text.utf8))
        } catch {
            // Another instance was first.
            guard error.kind == .exists else { throw error }
        }
    }
}
