/// Waits on this thread, which may block, for what only tasks can do.
///
/// Not for threads that run tasks themselves: the one waited for might be behind the one that waits.
///
/// - Parameters:
///   - body: What is waited for.
///   - didBegin: Gets the task, for whoever may have to cancel it.
/// - Returns: What `body` returned.
/// - Throws: What `body` threw.
@discardableResult
package func waitFor<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () async throws(Failure) -> Value,
    didBegin: (Task<Void, Never>) -> Void = { _ in }
) throws(Failure) -> Value {
    let outcome = Monitor<Result<Value, Failure>?>(nil, conditions: 1)
    let task = Task.detached(priority: .userInitiated) {
        let result: Result<Value, Failure>
        do throws(Failure) { result = .success(try await body()) } catch { result = .failure(error) }
        outcome.withLock { $0 = result }
        outcome.signal(0)
    }
    didBegin(task)
    return try outcome.wait(for: 0) { $0 }.get()
}
