package import LTX

/// What is known before a service with a replica opens its database.
package struct BootFacts: Equatable, Sendable {
    package enum Replica: Equatable, Sendable {
        case empty
        /// Its newest transaction; the end is nil when that has no file of its own, or nothing here could stand there.
        case log(newest: TXID, end: LogEnd?)
        /// Only what Litestream 0.3 wrote.
        case generations
        /// Both, and the older format has the newer data.
        case newerGenerations
    }

    package var replica: Replica
    package var replicaName: String
    /// The local database; nil if there is none.
    package var stamp: DatabaseStamp?
    /// There is something beside it that SQLite would apply to it.
    package var hasLog: Bool
    package var record: PositionRecord?
    /// What a process left behind that answered before the log had it.
    package var session: AsyncSession?
    /// The replica that the local database was made from.
    package var origin: String?
    /// A new log may not begin: a mistyped prefix looks just like an empty one.
    package var requiresReplica: Bool

    package init(
        replica: Replica,
        replicaName: String,
        stamp: DatabaseStamp? = nil,
        hasLog: Bool = false,
        record: PositionRecord? = nil,
        session: AsyncSession? = nil,
        origin: String? = nil,
        requiresReplica: Bool = false
    ) {
        (self.replica, self.replicaName, self.stamp, self.hasLog) = (replica, replicaName, stamp, hasLog)
        (self.record, self.session, self.origin, self.requiresReplica) = (record, session, origin, requiresReplica)
    }

    /// What the position record says, if it may be true.
    private var soundRecord: PositionRecord? {
        guard let record, record.replica == replicaName, record.stamp == stamp, !hasLog else { return nil }
        return record
    }

    /// Whether the replica is known to have had a log: where that is gone, somebody or something has taken it away.
    var knowsLog: Bool {
        origin == replicaName || record?.replica == replicaName
            || session.map { $0.replica == replicaName && $0.start != nil } ?? false
    }

    /// The transaction that the local database has come to, if that is certain.
    var candidate: TXID? { soundRecord?.tip.position.txid }

    /// Where the local database stands, if that is the end of the log.
    func tip(endingWith end: LogEnd?) -> LogTip? {
        guard let record = soundRecord, record.tip == end?.tip else { return nil }
        return record.tip
    }
}

/// How a service gets its database.
package enum BootPlan: Equatable, Sendable {
    /// The local file is what the log ends with.
    case useLocal(LogTip)
    /// The local file has all of the log and may have more, which goes on as one transaction.
    case resume(LogTip)
    /// From the log. A local database that is not of this log is kept under another name.
    case restore(movesAside: Bool)
    /// From what Litestream 0.3 wrote; then a new log begins.
    case restoreGenerations(movesAside: Bool)
    /// The local database is the first transaction of a new log.
    case adopt
    /// A new database is.
    case fresh
    case refuse(Refusal)

    package enum Refusal: Equatable, Sendable {
        case replicaRequired
        /// What stands beside the local database says that the replica had a log.
        case logGone
        case newerGenerations
    }

    package init(_ facts: BootFacts) {
        // A lost database may have left its log.
        let isCopy = facts.origin == facts.replicaName && facts.session == nil
        let movesAside = (facts.stamp != nil || facts.hasLog) && !isCopy
        switch facts.replica {
        case .empty:
            if facts.requiresReplica {
                self = .refuse(.replicaRequired)
            } else if facts.knowsLog {
                self = .refuse(.logGone)
            } else {
                self = facts.stamp == nil ? .fresh : .adopt
            }
        case .generations: self = .restoreGenerations(movesAside: movesAside)
        case .newerGenerations: self = .refuse(.newerGenerations)
        case .log(_, let end):
            if let tip = facts.tip(endingWith: end) {
                self = .useLocal(tip)
            } else if let session = facts.session, facts.stamp != nil, let end,
                session.covers(end, replica: facts.replicaName)
            {
                self = .resume(end.tip)
            } else {
                self = .restore(movesAside: movesAside)
            }
        }
    }
}

extension BootPlan {
    /// Whether the local database has commits that the log lacks.
    package var resumes: Bool {
        if case .resume = self { return true }
        return false
    }
}

extension BootPlan.Refusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .replicaRequired:
            "there is nothing at the replica, and a new log may not begin here: check the URL and its prefix, "
                + "or allow a new one for the first start"
        case .logGone:
            "there is nothing at the replica, and the files beside the database say that a log was there: check that the "
                + "volume is mounted and the prefix is the right one; to begin a new log with this database, remove its "
                + "-origin, -position and -async files first"
        case .newerGenerations:
            "there are two replicas in one place, and that of Litestream 0.3 is newer than the other: "
                + "move away the one that is not to be continued"
        }
    }
}
