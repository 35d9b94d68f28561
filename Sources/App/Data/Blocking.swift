import Threads

/// Waits for asynchronous work on a thread that has nothing else to do: the program's first, or the writer's.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let outcome = Monitor<Result<Value, any Error>?>(nil, conditions: 1)
    Task.detached {
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        outcome.withLock { $0 = result }
        outcome.signal(0)
    }
    return try outcome.wait(for: 0) { $0 }.get()
}
