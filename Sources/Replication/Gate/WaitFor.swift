internal import Dispatch
internal import Synchronization

/// Waits on this thread, which may block, for what only tasks can do.
///
/// Not for threads that run tasks themselves: the one waited for might be behind the one that waits.
@discardableResult
func waitFor<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () async throws(Failure) -> Value
) throws(Failure) -> Value {
    let done = DispatchSemaphore(value: 0)
    let result = Mutex<Result<Value, Failure>?>(nil)
    Task.detached(priority: .userInitiated) {
        let outcome: Result<Value, Failure>
        do throws(Failure) { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        result.withLock { $0 = outcome }
        done.signal()
    }
    done.wait()
    guard let result = result.withLock({ $0 }) else { preconditionFailure("signalled without a result") }
    return try result.get()
}
