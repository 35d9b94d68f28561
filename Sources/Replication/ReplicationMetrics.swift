package import Metrics

/// What replication counts; one of these for each replica.
///
/// Made once by whoever wires the program, and handed to the gate, the log and the restorer.
package struct ReplicationMetrics: Sendable {
    /// The newest transaction that is committed here.
    package let committedTXID: Gauge
    /// The newest transaction that is known to be in the bucket.
    package let durableTXID: Gauge
    /// From a batch's commit to the object that makes it durable, retries included.
    package let putSeconds: Histogram
    /// Attempts after the first to create one object.
    package let retries: Counter
    /// Objects that another writer had created before us.
    package let racesLost: Counter
    /// Batches that ran again on the state that another writer had left.
    package let batchesRerun: Counter
    /// Turns that this writer asked for, because others were always first.
    package let turnsAsked: Counter
    /// Pauses in which others were let go first.
    package let turnsGiven: Counter
    /// Commits whose outcome is not known.
    package let outcomesUnknown: Counter
    /// How long the last restore took; 0 if there was none.
    package let restoreSeconds: Gauge
    /// When a snapshot was last known to be in the bucket, in seconds since the epoch.
    package let snapshotTime: Gauge

    package init(_ registry: Registry, replica: String) {
        let labels = [Label("replica", replica)]
        let gauge = { (name: String, help: String) in registry.gauge("holdfast_\(name)", help, labels) }
        let counter = { (name: String, help: String) in
            registry.counter("holdfast_replication_\(name)_total", help, labels)
        }
        committedTXID = gauge("replication_txid_committed", "The newest transaction committed here.")
        durableTXID = gauge("replication_txid_durable", "The newest transaction known to be in the bucket.")
        putSeconds = registry.histogram(
            "holdfast_replication_put_duration_seconds",
            "How long it took to make a batch durable.",
            .requestSeconds,
            labels
        )
        retries = counter("retries", "Attempts after the first to create an object of the log.")
        racesLost = counter("races_lost", "Transactions that another writer had created before.")
        batchesRerun = counter("batches_rerun", "Batches that ran again on another writer's state.")
        turnsAsked = counter("turns_asked", "Requests to other writers to be let go first once.")
        turnsGiven = counter("turns_given", "Pauses in which another writer was let go first.")
        outcomesUnknown = counter("outcomes_unknown", "Commits whose outcome is not known.")
        restoreSeconds = gauge("restore_duration_seconds", "How long the last restore took.")
        snapshotTime = gauge("replication_snapshot_timestamp_seconds", "When the newest snapshot was made.")
    }

    package func note(_ event: LogEvent) {
        switch event {
        case .triedAgain: retries.add()
        case .askedForTurn: turnsAsked.add()
        case .gaveTurn: turnsGiven.add()
        }
    }

    /// Shows for how long the replica has lacked something that was answered; never anything but 0 under the gate.
    package static func watchLag(_ registry: Registry, replica: String, _ lag: @escaping @Sendable () -> Duration) {
        registry.gauge(
            "holdfast_replication_lag_seconds",
            "For how long the replica has lacked a commit that was answered.",
            [Label("replica", replica)]
        ) { lag() / .seconds(1) }
    }
}
