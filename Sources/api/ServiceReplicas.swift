import App
import CLI
import FoundationEssentials
import LitestreamConfiguration
import ObjectStore
import Replication

/// Reads where a service's writes go from the options that `serve` and the other commands of the service share.
enum ServiceReplicas {
    static func configuration(
        _ invocation: Invocation,
        _ console: Console
    ) throws -> ReplicationConfiguration {
        var configuration = ReplicationConfiguration()
        configuration.replicas = try replicas(invocation, console)
        configuration.durability = try durability(invocation, hasReplica: !configuration.replicas.isEmpty)
        configuration.leavesLog = configuration.durability == .local && invocation["durability"] != nil
        configuration.requiresReplica = invocation.flag("require-replica")
        configuration.assumesSingleWriter = invocation["single-writer"] != nil
        configuration.syncInterval = try invocation.duration("sync-interval", in: .milliseconds(10)...(.seconds(3600)))
        return configuration
    }

    private static func replicas(
        _ invocation: Invocation,
        _ console: Console
    ) throws -> [ReplicationConfiguration.Replica] {
        // A variable holds several, with spaces between them.
        let urls = invocation.all("replica").flatMap { setting in
            setting.text.split(separator: " ").map { (String($0), setting) }
        }
        guard invocation["config"] != nil else {
            if urls.isEmpty, invocation["durability"] == nil, let origin = try origin(invocation) {
                return named([origin])
            }
            return try named(urls.map { try settings($0.0, $0.1) })
        }
        guard urls.isEmpty else { throw invocation.usageError("--replica and --config exclude each other") }
        let (file, path) = try ReplicaSource.configuration(invocation, console)
        let database = try invocation.string("db")
        let folder = FileManager.default.currentDirectoryPath
        let home = ProcessInfo.processInfo.environment["HOME"]
        guard let found = file.database(at: database, folder: folder, home: home) else {
            throw ServiceError("\(path) has no database \(database)")
        }
        guard !found.replicas.isEmpty else { throw ServiceError("\(database) has no replica in \(path)") }
        return found.replicas.map { .init(name: $0.name, settings: $0.settings) }
    }

    /// The folder that the database is known to be a copy of; of other places the URL alone may not be enough.
    private static func origin(_ invocation: Invocation) throws(UsageError) -> StoreSettings? {
        let path = try invocation.string("db")
        // What cannot be read is refused later, when the database is opened without it.
        guard let url = try? DatabaseOrigin.read(beside: path), url.hasPrefix("file://") else { return nil }
        return try? StoreSettings(url: url)
    }

    private static func settings(_ url: String, _ setting: Setting) throws(UsageError) -> StoreSettings {
        do throws(StoreURLError) { return try StoreSettings(url: url) } catch {
            throw setting.refused(expected: "a replica's URL", hint: "\(error)")
        }
    }

    /// By their kind, and counted where that is not enough.
    private static func named(_ settings: [StoreSettings]) -> [ReplicationConfiguration.Replica] {
        var counts: [String: Int] = [:]
        return settings.map { settings in
            let kind = settings.kind.rawValue
            counts[kind, default: 0] += 1
            let count = counts[kind] ?? 1
            return .init(name: count == 1 ? kind : "\(kind)-\(count)", settings: settings)
        }
    }

    private static func durability(
        _ invocation: Invocation,
        hasReplica: Bool
    ) throws(UsageError) -> ReplicationConfiguration.Durability {
        guard let setting = invocation["durability"] else { return hasReplica ? .replicated : .local }
        let durability: ReplicationConfiguration.Durability = try setting.choice()
        guard (durability == .local) != hasReplica else {
            throw hasReplica
                ? setting.refused(expected: "replicated or async where there is a replica")
                : setting.refused(expected: "local without a replica", hint: "Name one with --replica or REPLICA_URL.")
        }
        return durability
    }
}
