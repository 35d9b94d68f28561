import SQLite
import Synchronization
import Threads

/// A thread that runs what it is given, in order, and is attached to a database: what the server's loops are.
final class TestLoop: TaskExecutor {
    private struct State {
        var work: [@Sendable () -> Void] = []
        var isStopped = false
    }

    private let state = Monitor(State(), conditions: 1)
    private let deliveries = Atomic(0)
    private let thread: Mutex<WorkerThread?>

    /// How many parcels of answers the database has handed over.
    var deliveryCount: Int { deliveries.load(ordering: .sequentiallyConsistent) }

    init(_ database: Database) async throws {
        thread = Mutex(nil)
        thread.withLock { $0 = WorkerThread(named: "test-loop") { [self] in run() } }
        try await call { [self] in
            try database.attachThread { work in
                self.deliveries.add(1, ordering: .sequentiallyConsistent)
                self.submit(work)
            }
        }
    }

    func submit(_ work: @escaping @Sendable () -> Void) {
        state.withLock { $0.work.append(work) }
        state.signal(0)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        submit { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// Runs `body` on the thread, after all that was submitted before.
    func call<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            submit { continuation.resume(with: .init(catching: body)) }
        }
    }

    /// Returns when all tasks that were started here have come to their first suspension.
    func catchUp() async throws { try await call {} }

    func stop(_ database: Database) async throws {
        try await call { database.detachThread() }
        state.withLock { $0.isStopped = true }
        state.signal(0)
        thread.withLock { $0.take()?.join() }
    }

    private func run() {
        while true {
            let work = state.wait(for: 0) { state -> [@Sendable () -> Void]? in
                guard !state.work.isEmpty else { return state.isStopped ? [] : nil }
                defer { state.work = [] }
                return state.work
            }
            guard !work.isEmpty else { return }
            for piece in work { piece() }
        }
    }
}
