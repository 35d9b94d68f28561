import APIRoutes
import Files
import FoundationEssentials
import LTX
import Logging
import Metrics
import Replication
import SQLite
import Synchronization

/// Proves from time to time that the log's replica can be restored, if something was written since the last proof.
///
/// Nothing waits for it, and it may be ended at any moment.
final class ProofSchedule: Sendable {
    private struct State {
        var last: ServiceStatus.Proof?
        /// The transaction that the last successful proof was of.
        var provenTXID: TXID?
    }

    private let proof: RestoreProof
    private let source: SnapshotSource
    private let metrics: ProofMetrics
    private let logger: Logger
    private let state = Mutex(State())
    private let queue = BlockingQueue(label: "proof")
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// Begins; the first proof is an interval from now, and compares with the database of `source`.
    init(
        _ proof: RestoreProof,
        every interval: Duration,
        against source: SnapshotSource,
        _ metrics: ProofMetrics,
        _ logger: Logger
    ) {
        (self.proof, self.source, self.metrics, self.logger) = (proof, source, metrics, logger)
        metrics.interval.set(interval / .seconds(1))
        task.withLock { task in
            task = Task.detached(priority: .low) { [self] in
                while (try? await Task.sleep(for: interval)) != nil {
                    let txid = source.log.position?.txid
                    guard let txid, txid != state.withLock({ $0.provenTXID }) else { continue }
                    await prove()
                }
            }
        }
    }

    /// How the last proof went; nil before the first.
    var last: ServiceStatus.Proof? { state.withLock { $0.last } }

    /// Has what is under way end soon.
    func cancel() { task.withLock { $0?.cancel() } }

    func stop() async {
        let task = task.withLock { $0.take() }
        task?.cancel()
        await task?.value
    }

    private func prove() async {
        let (start, time) = (ContinuousClock.now, Date().timeIntervalSince1970)
        do throws(RestoreProofError) {
            let result = try await proof.run(
                against: .live { [source, queue] in
                    // The log may have what others wrote; the database is to have it too.
                    try await source.database.catchUp()
                    return try await queue.run { () throws(any Error) in try source.take() }
                }
            )
            metrics.time.set(time)
            if let txid = result.txid { metrics.txid.set(Double(txid.rawValue)) }
            note(true, result.detail, result.txid, at: time, .now - start)
        } catch {
            // Ended by a shutdown, it has not failed.
            guard !Task.isCancelled else { return }
            metrics.failures.add(1)
            note(false, "\(error)", nil, at: time, .now - start)
        }
    }

    private func note(_ succeeded: Bool, _ detail: String, _ txid: TXID?, at time: Double, _ duration: Duration) {
        metrics.seconds.set(duration / .seconds(1))
        let proof = ServiceStatus.Proof(
            succeeded: succeeded,
            time: Int64(time * 1000),
            duration: duration,
            detail: detail
        )
        state.withLock { state in
            state.last = proof
            if succeeded { state.provenTXID = txid }
        }
        let message: StaticString = succeeded ? "the replica can be restored" : "a restore proof failed"
        logger.log(succeeded ? .info : .error, message) { fields in
            fields.add("detail", detail)
            fields.add("duration_ms", nanoseconds: Int64(duration / .nanoseconds(1)))
        }
    }
}

extension RestoreProof.Result {
    /// What was found, as a sentence.
    package var detail: String {
        let what = "\(byteCount) bytes" + (txid.map { ", transaction \($0)" } ?? "")
        switch comparison {
        case .same: return "It is whole, and the same as the live database: \(what)."
        case .none(let reason): return "It is whole: \(what). It was not compared: \(reason)."
        }
    }
}
