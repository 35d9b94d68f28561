internal import Synchronization
internal import Threads

/// The waits of a thread for what only tasks can do, all of which can be cut short for good.
///
/// What is cut short still ends by itself, soon, with what is known by then: that is for the task to see to.
final class Waits: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var isOver = false
    }

    private let state = Mutex(State())

    /// As `waitFor`; for one thread at a time.
    func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () async throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try waitFor(body) { task in
            let isOver = state.withLock { state in
                state.task = task
                return state.isOver
            }
            if isOver { task.cancel() }
        }
    }

    /// Cancels the task that is waited for, and all that will be.
    func cutShort() {
        let task = state.withLock { state in
            state.isOver = true
            return state.task
        }
        task?.cancel()
    }
}
