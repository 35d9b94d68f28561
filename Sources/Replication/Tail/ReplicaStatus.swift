package import LTX

/// How a replica is, for whoever looks after it.
package struct ReplicaStatus: Sendable, Equatable {
    package enum Health: String, Sendable {
        /// Not yet looked at.
        case starting
        case ok
        /// It cannot be reached or written, and is tried again.
        case failing
        /// Somebody else writes it; it gets nothing more.
        case stopped
    }

    package internal(set) var health = Health.starting
    /// What went wrong, while something does.
    package internal(set) var problem: String?
    /// The newest transaction that it has.
    package internal(set) var txid = TXID(rawValue: 0)
    /// What of the database it has; nil before that is known.
    package internal(set) var sequence: UInt64?
    /// When something was last uploaded, or found to be there already.
    package internal(set) var confirmedAtMilliseconds: Int64?
    /// When we last made a snapshot.
    package internal(set) var snapshotAtMilliseconds: Int64?
    package internal(set) var uploadCount = 0
    package internal(set) var uploadedBytes = 0
    package internal(set) var failureCount = 0
}

/// How far a database was followed, and what of that is where.
package struct DatabaseStatus: Sendable {
    package let path: String
    /// The newest state that was taken from the log; 0 before the first.
    package internal(set) var sequence: UInt64 = 0
    /// Files that are not yet in every replica.
    package internal(set) var stagedBytes = 0
    package internal(set) var problem: String?
    package internal(set) var replicas: [(name: String, status: ReplicaStatus, lag: Lag)] = []

    /// What a replica lacks.
    package struct Lag: Sendable, Equatable {
        package let milliseconds: Int64
        package let bytes: Int
    }
}
