import HTTPServer
import Logging
import SQLite
import Synchronization

/// Gives each of the servers' loops a reader of its own, once there is a database.
///
/// Until then, and if a loop cannot have one, its reads take turns with others at the reader that all threads share.
final class LoopReaders: Sendable {
    private let database = AtomicLazyReference<Database>()
    private let logger: Logger

    init(_ logger: Logger) {
        self.logger = logger
    }

    /// For servers that may begin before the database.
    var hooks: LoopHooks {
        var hooks = LoopHooks()
        hooks.turnEnds = { [self] in database.load()?.endSnapshot() }
        hooks.stops = { [self] in database.load()?.detachThread() }
        return hooks
    }

    /// To be called once, with servers that have the ``hooks``.
    func attach(_ ports: Ports, to database: Database) {
        precondition(self.database.storeIfNil(database) === database, "attached twice")
        ports.onEachLoop { [logger] loop in
            do {
                try database.attachThread(deliver: loop.submit)
            } catch {
                logger.log(.warning, "a thread has no reader of its own") { $0.add("error", "\(error)") }
            }
        }
    }
}
