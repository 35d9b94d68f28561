import Metrics

/// What is known of the last restore proofs.
struct ProofMetrics: Sendable {
    /// When a proof last succeeded, in seconds since the epoch; 0 before the first.
    let time: Gauge
    let seconds: Gauge
    let failures: Counter

    init(_ registry: Registry) {
        time = registry.gauge("holdfast_restore_proof_timestamp_seconds", "When a restore proof last succeeded.")
        seconds = registry.gauge("holdfast_restore_proof_duration_seconds", "How long the last restore proof took.")
        failures = registry.counter("holdfast_restore_proof_failures_total", "Restore proofs that failed.")
    }
}
