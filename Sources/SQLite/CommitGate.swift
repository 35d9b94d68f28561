/// Stands between a batch's frames being written and its being visible.
///
/// What it lets through is durable in the sense that the service promises; what it refuses has never been seen.
package protocol CommitGate: Sendable {
    /// Commits the open transaction, or throws; then nothing of the transaction is visible to anyone.
    ///
    /// Called on the writer's thread, and may block it: the next batch gathers meanwhile.
    ///
    /// - Returns: The transaction's number in the log that it is durable in; nil if there is no log.
    func commit(_ connection: Connection) throws -> UInt64?
}

/// Without a replica, durable means on this disk: SQLite's own sync at each commit (`synchronous = FULL`).
package struct LocalGate: CommitGate {
    package init() {}

    package func commit(_ connection: Connection) throws -> UInt64? {
        try connection.commit()
        return nil
    }
}
