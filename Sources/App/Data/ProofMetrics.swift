import Metrics

/// What is known of the last restore proofs.
struct ProofMetrics: Sendable {
    /// When a proof last succeeded, in seconds since the epoch; 0 before the first.
    let time: Gauge
    /// What the last successful proof was of; 0 before the first.
    ///
    /// Beside the log's newest transaction it says what no proof covers yet, also across restarts, and also where nothing
    /// is written and so nothing has to be proven.
    let txid: Gauge
    /// 0 where no proofs are asked for.
    let interval: Gauge
    let seconds: Gauge
    let failures: Counter

    init(_ registry: Registry) {
        time = registry.gauge("holdfast_restore_proof_timestamp_seconds", "When a restore proof last succeeded.")
        txid = registry.gauge("holdfast_restore_proof_txid", "The transaction that a restore proof last proved.")
        interval = registry.gauge("holdfast_restore_proof_interval_seconds", "How often a proof is due; 0 for never.")
        seconds = registry.gauge("holdfast_restore_proof_duration_seconds", "How long the last restore proof took.")
        failures = registry.counter("holdfast_restore_proof_failures_total", "Restore proofs that failed.")
    }
}
