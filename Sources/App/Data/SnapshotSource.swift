import LTX
import Replication
import SQLite

/// Takes images of the service's database where what can be seen of it is what the log has.
struct SnapshotSource: Sendable {
    let database: Database
    let log: FencedLog
    private let path: String
    private let asyncGate: AsyncGate?

    /// How long commits may wait until the log has caught up with the disk; if it has not by then, there is no image.
    private static let patience = Duration.seconds(2)

    init(_ database: Database, at path: String, _ log: FencedLog, _ asyncGate: AsyncGate?) {
        (self.database, self.path, self.log, self.asyncGate) = (database, path, log, asyncGate)
    }

    /// Pins the database between two batches, and blocks until then; nil if it is ahead of the log.
    func take() throws -> Snapshot? {
        try database.exclusively { connection, _ in
            guard asyncGate?.settle(within: Self.patience) ?? true, let tip = log.tip else { return nil }
            // Finds out whether another process has committed past the log, which no image may have, and keeps such out
            // until the image is pinned.
            try connection.begin()
            defer { try? connection.rollback() }
            let hold = try database.holdFile()
            return try Snapshot(
                of: try PageImage(path),
                at: tip.position,
                timestampMilliseconds: tip.timestampMilliseconds,
                hold: hold
            )
        }
    }
}
