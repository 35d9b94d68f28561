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
        return try waitFor(body) { task in
            WorkerThread(named: "interrupt") {
                signals.wait()
                task.cancel()
            }.detach()
        }
    }
}
