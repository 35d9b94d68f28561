package import LTX
package import ObjectStore

/// Names for places in the log that somebody may want to go back to: the state before each migration.
///
/// A point is an object `restore-points/<migration>/<txid>.json`, created if absent, beside the files of the replica and
/// none of them. Whoever is about to migrate creates one for where its database stands, so several instances may each
/// create one. In each of these states the migration had not run, and the newest is where it was run.
///
/// A point keeps no file from being merged or removed. So it leads back exactly while a file ends with its transaction;
/// after that to the nearest earlier state, if its reader wants that; and when there is none, retention removes it too.
package struct RestorePoints: Sendable {
    struct Point: Equatable, Sendable {
        let migration: String
        let txid: TXID
    }

    private let store: any ObjectStore

    private static let prefix = "restore-points/"
    private static let nameMark = "before:"

    package init(_ store: any ObjectStore) { self.store = store }

    /// The migration that a point's name speaks of, as in `before:20261101090100_create_users`.
    package static func migration(of name: String) -> String? {
        guard name.hasPrefix(nameMark) else { return nil }
        let migration = String(name.dropFirst(nameMark.count))
        return migration.isEmpty || migration.contains("/") ? nil : migration
    }

    /// Notes that the log was there before the migration; doing it twice does nothing more.
    package func record(before migration: String, _ txid: TXID) async throws(ObjectStoreError) {
        // For people: the name says it all.
        let text = "{\"point\":\"\(Self.nameMark)\(migration)\",\"txid\":\"\(txid)\"}\n"
        do throws(ObjectStoreError) {
            _ = try await store.createIfAbsent(key(migration, txid), Array(text.utf8), timestamp: nil)
        } catch {
            guard error.kind == .exists else { throw error }
        }
    }

    /// The newest place in the log at which the migration had not run.
    package func txid(before migration: String) async throws(RestorePointError) -> TXID {
        let points: [Point]
        do throws(ObjectStoreError) { points = try await all() } catch { throw .store(error) }
        guard let txid = points.filter({ $0.migration == migration }).map(\.txid).max() else {
            var names: [String] = []
            for point in points where !names.contains(point.migration) { names.append(point.migration) }
            throw .unknown(migration, known: names)
        }
        return txid
    }

    func all() async throws(ObjectStoreError) -> [Point] {
        try await store.listAll(Self.prefix).compactMap { object in
            let parts = object.key.dropFirst(Self.prefix.count).split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[1].hasSuffix(".json"), let txid = TXID(parts[1].dropLast(5)) else {
                return nil
            }
            return Point(migration: String(parts[0]), txid: txid)
        }
    }

    func remove(_ point: Point) async throws(ObjectStoreError) {
        _ = try await store.delete(key(point.migration, point.txid))
    }

    private func key(_ migration: String, _ txid: TXID) -> String { "\(Self.prefix)\(migration)/\(txid).json" }
}

/// Why there is no such point to go back to.
package enum RestorePointError: Error, CustomStringConvertible {
    case unknown(String, known: [String])
    /// Its transaction was merged with later ones; the nearest earlier one that can be restored, and its time.
    case merged(String, TXID, nearest: TXID?, of: StoreTime?)
    case store(ObjectStoreError)

    package var description: String {
        switch self {
        case .unknown(let migration, let known):
            let names = known.isEmpty ? "it has none" : "it has \(known.map { "before:\($0)" }.joined(separator: ", "))"
            return "there is no restore point before:\(migration); \(names)"
        case .merged(let migration, let txid, let nearest, let time):
            let what = """
                the state just before \(migration), transaction \(txid), was merged with what came after it \
                (they stay apart for an hour, then half a minute is one)
                """
            guard let nearest else { return "\(what), and nothing earlier is kept" }
            return """
                \(what); the nearest earlier state is transaction \(nearest)\(time.map { " of \($0.iso8601)" } ?? "")
                To restore that one, say --txid \(nearest) instead of --point.
                """
        case .store(let error): return "\(error)"
        }
    }
}
