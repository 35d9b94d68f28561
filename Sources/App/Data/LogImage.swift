import Replication
import SQLite

/// Pins the database where it is what the log says, for those who copy it.
struct LogImage: Sendable {
    let database: Database
    let path: String
    let log: FencedLog
    let asyncGate: AsyncGate?

    /// The state after the newest transaction of the log; nil if there is none, or if the log does not keep up.
    ///
    /// Blocks; to be called where that may be.
    func snapshot() throws -> Snapshot? {
        try database.exclusively { _, _ in
            // Between two batches, what can be seen is what the log has, or will have had first.
            guard asyncGate?.flush() ?? true, let tip = log.tip else { return nil }
            let hold = try database.holdFile()
            return try Snapshot(
                of: try PageImage(path),
                at: tip.position,
                timestampMilliseconds: tip.timestampMilliseconds,
                isUnwanted: { hold.isWanted }
            )
        }
    }
}
