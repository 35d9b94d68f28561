import APIRoutes
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
    /// What was asked of it so far.
    let metrics: StoreMetrics
    /// Nil where nobody charges, or nobody knows what.
    let prices: StorePrices?

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
                let metrics = StoreMetrics(registry, replica: replica.name)
                return ReplicaStore(
                    name: replica.name,
                    url: replica.settings.description,
                    store: MeteredStore(store, metrics),
                    layout: ReplicaLayout(replica.settings),
                    metrics: metrics,
                    prices: StorePrices(replica.settings)
                )
            } catch {
                throw ServiceError("the replica \(replica.settings) cannot be used: \(error)")
            }
        }
    }
}

extension StorePrices {
    /// Of the class that a bucket has unless somebody chose another; who keeps servers of their own knows better.
    fileprivate init?(_ settings: StoreSettings) {
        switch settings.kind {
        case .s3 where settings.endpoint?.contains("r2.cloudflarestorage.com") == true: self = .r2Standard
        case .s3 where settings.endpoint.map({ $0.contains(".amazonaws.com") }) ?? true: self = .s3Standard
        case .gcs where settings.endpoint == nil: self = .gcsStandard
        case .azure where settings.endpoint == nil: self = .azureHot
        case .file, .s3, .gcs, .azure: return nil
        }
    }
}
