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

/// Why a gate did not simply let a commit through.
///
/// Anything else that a gate throws says: it is not durable and will not be.
package enum GateFailure: Error {
    /// Another writer's transaction is durable in the place of this one; after ``LogGate/nextChange()`` it can run again.
    case overtaken
    /// Whether it is or will be durable cannot be known now.
    case outcomeUnknown((any Error)?)
    /// It is durable as this transaction, but COMMIT failed after that: ``LogGate/nextChange()`` gives what is missing.
    case notHere(UInt64?)
}

/// A gate that keeps what it lets through in a log, from which the database can be made anew, and which others may write.
///
/// All of it is called on the thread that has the writer's connection, one call at a time.
package protocol LogGate: CommitGate, LogGuardian {
    /// Whether the log holds the database already: then the file is only a copy, and a WAL beside it is from elsewhere.
    var hasHistory: Bool { get }

    /// The next of what is durable and not yet in the file; nil if the file has it all.
    func nextChange() throws -> DatabaseChange?

    /// What `nextChange` gave last is in the file now.
    func didApplyChange()
}
