import APIRoutes
import Replication
import Synchronization

/// How far the start of the service is, for those who ask before it serves.
final class StartProgress: Sendable {
    let restore = RestoreProgress()
    private let isMigrating = Atomic<Bool>(false)

    /// The database is there; its schema is what is left.
    func migrate() { isMigrating.store(true, ordering: .relaxed) }

    var progress: BootProgress {
        guard !isMigrating.load(ordering: .relaxed) else {
            return BootProgress(step: "The database is being brought to its newest schema.")
        }
        let state = restore.state
        let step =
            switch state.phase {
            case .listing: "The replica is being asked what it holds."
            case .fetching: "The database is being restored from its replica."
            case .checking: "The restored database is being checked."
            }
        return BootProgress(
            step: step,
            doneBytes: Int64(state.bytesFetched),
            totalBytes: state.bytesPlanned > 0 ? Int64(state.bytesPlanned) : nil
        )
    }
}
