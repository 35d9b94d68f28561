import Files
import Logging
import Replication
import Threads

/// What a database with a log needs besides itself, while it runs.
struct Backing: Sendable {
    let replica: ReplicaStore
    let log: ObservedLog
    let asyncGate: AsyncGate?
    let shippingGate: ShippingGate?
    let upkeep: Upkeep
    let followers: [Follower]
    let proofs: ProofSchedule?
    let logger: Logger

    func cancelUpkeep() {
        upkeep.cancel()
        proofs?.cancel()
        for follower in followers { follower.cancelUpkeep() }
    }

    func close(_ path: String, isWhole: Bool, within limit: Duration) throws {
        let isShipped = asyncGate?.close(within: limit * 2 / 3) ?? true
        waitFor {
            // These have no promises to keep, and may be in the middle of something long.
            await upkeep.stop()
            await proofs?.stop()
            await withTaskGroup { group in
                for follower in followers { group.addTask { await follower.stop(within: limit / 3) } }
            }
        }
        guard isWhole, isShipped, log.log.halt == nil, let tip = log.log.tip else { return }
        do throws(FileError) {
            if asyncGate != nil { try AsyncSession.remove(beside: path) }
            _ = try PositionRecord.write(tip: tip, replica: replica.url, beside: path)
        } catch {
            // The next start restores instead.
            logger.log(.warning, "no record of the position was written") { $0.add("error", "\(error)") }
        }
    }
}
