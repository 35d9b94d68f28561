package import ObjectStore

/// Where a service's writes go besides its own disk, and what its answers promise.
package struct ReplicationConfiguration: Sendable {
    /// What a 2xx to a write means.
    package enum Durability: String, Sendable, CaseIterable {
        /// The write is in the bucket.
        case replicated
        /// The write is on the local disk; the bucket follows.
        case async
        /// The write is on the local disk.
        case local
    }

    package struct Replica: Sendable {
        package let name: String
        package let settings: StoreSettings

        package init(name: String, settings: StoreSettings) {
            (self.name, self.settings) = (name, settings)
        }
    }

    package var durability = Durability.local
    /// Whether somebody chose to write without the replica that the database is a copy of.
    package var leavesLog = false
    /// The first is the log that decides; the others follow it.
    package var replicas: [Replica] = []
    /// Whether to refuse to begin a new database: an operator's mistyped prefix looks like an empty replica.
    package var requiresReplica = false
    /// The operator guarantees what a store that ignores conditions cannot: that nobody else writes.
    package var assumesSingleWriter = false
    /// In `async`: how long after a commit its pages are sent at the latest.
    package var syncInterval = Duration.seconds(1)
    /// How often to prove that the log can be restored; nil for never.
    package var proofInterval: Duration?

    package init() {}
}
