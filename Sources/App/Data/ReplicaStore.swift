import Faults
import HTTPClient
package import Logging
package import Metrics
package import ObjectStore
package import Replication

/// A replica that was opened: where it is, and how files are named there.
package struct ReplicaStore: Sendable {
    package let name: String
    /// Without secrets.
    package let url: String
    package let store: any ObjectStore
    /// Of a replica that is yet to begin.
    package let layout: ReplicaLayout

    /// Opens all of them; this starts the thread of the HTTP client and sends nothing.
    package static func open(
        _ replicas: [ReplicationConfiguration.Replica],
        variables: [String: String],
        registry: Registry,
        logger: Logger
    ) throws -> [ReplicaStore] {
        let environment = StoreEnvironment(variables: variables, http: HTTPClient(bundle: .find(variables)))
        return try replicas.map { replica in
            do {
                let store = try FaultyStore.wrapping(try replica.settings.open(environment), variables) { warning in
                    logger.log(.warning, "faults") { $0.add("warning", warning) }
                }
                return ReplicaStore(
                    name: replica.name,
                    url: replica.settings.description,
                    store: MeteredStore(store, StoreMetrics(registry, replica: replica.name)),
                    layout: ReplicaLayout(replica.settings)
                )
            } catch {
                throw ServiceError("the replica \(replica.settings) cannot be used: \(error)")
            }
        }
    }
}
