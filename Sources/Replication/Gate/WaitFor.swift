internal import Dispatch
internal import Synchronization

/// The waits of a thread for what only tasks can do, all of which can be cut short for good.
///
/// What is cut short still ends by itself, soon, with what is known by then: that is for the task to see to.
final class Waits: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var isOver = false
    }

    private let state = Mutex(State())

    /// As ``waitFor(_:)``; for one thread at a time.
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

/// Waits on this thread, which may block, for what only tasks can do.
///
/// Not for threads that run tasks themselves: the one waited for might be behind the one that waits.
@discardableResult
func waitFor<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () async throws(Failure) -> Value,
    started: (Task<Void, Never>) -> Void = { _ in }
) throws(Failure) -> Value {
    let done = DispatchSemaphore(value: 0)
    let result = Mutex<Result<Value, Failure>?>(nil)
    let task = Task.detached(priority: .userInitiated) {
        let outcome: Result<Value, Failure>
        do throws(Failure) { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        result.withLock { $0 = outcome }
        done.signal()
    }
    started(task)
    done.wait()
    guard let result = result.withLock({ $0 }) else { preconditionFailure("signalled without a result") }
    return try result.get()
}
