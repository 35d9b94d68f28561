import App
import CLI
import Threads

/// Asynchronous work that a command waits for, and that Ctrl-C ends in an orderly way.
enum Foreground {
    /// Runs `body` to its end; SIGINT or SIGTERM cancel it, and a second one ends the program at once.
    ///
    /// Must be called before any thread starts, so that all of them leave the signals alone.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let signals = Signals(isHeld: true)
        let outcome = Monitor<Result<Value, any Error>?>(nil, conditions: 1)
        let task = Task.detached {
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            outcome.withLock { $0 = result }
            outcome.signal(0)
        }
        WorkerThread(named: "interrupt") {
            signals.wait()
            task.cancel()
        }.detach()
        return try outcome.wait(for: 0) { $0 }.get()
    }
}
