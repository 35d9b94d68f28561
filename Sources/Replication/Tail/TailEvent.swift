package import LTX

/// What happens while a database is replicated, for logs and counters.
package enum TailEvent: Sendable {
    /// The database is there and followed.
    case following(pageSize: Int)
    /// It cannot be followed right now; tried again.
    case failed(TailError)
    /// What was missed cannot be known, so that the replicas get full files.
    case doubt(String)
    /// Transactions were taken from the log.
    case taken(transactionCount: Int, logBytes: Int, seconds: Double)
    case checkpoint(isComplete: Bool, seconds: Double)
    case checkpointFailed(TailError)
}

/// What happens to one replica of a database.
package enum ReplicaEvent: Sendable {
    /// It was looked at: this is where it ends, and whether it goes on from what we know.
    case opened(TXID, isOurs: Bool)
    case uploaded(TXID, byteCount: Int, isFull: Bool, seconds: Double)
    /// It was compacted, or is not.
    case levels(Levels.Event)
    /// It cannot be reached or written; tried again.
    case failed(String)
    /// Somebody else writes it: it gets nothing more from here.
    case stopped(String)
}
