import Glibc
import Threads

/// The signals that ask a program to end, taken one by one instead of interrupting something.
///
/// Before ``hold()`` the first one ends the program at once: a migration may take minutes and is undone, nothing else has
/// begun. After it, the first one is kept for ``wait()``. Whoever asks twice does not want to wait, so a second one ends
/// the program at once, with the exit code that shells give for it.
package final class Signals: Sendable {
    private struct State {
        var isHeld = false
        var firstCame: MonotonicTime?
    }

    /// Supervisors that signal a process and its group, as `timeout` does, ask once.
    private static let echoTime = Duration.milliseconds(50)

    private static let signals: [Int32] = [SIGTERM, SIGINT]
    private static let hasCome = 0
    private let state: Monitor<State>

    /// Must be called before any thread starts: threads inherit what is blocked.
    ///
    /// If held from the start, there is no moment at which a signal ends the program as if it had done its work.
    package init(isHeld: Bool = false) {
        state = Monitor(State(isHeld: isHeld), conditions: 1)
        var set = Self.set
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        // A client that goes away must not end the program.
        signal(SIGPIPE, SIG_IGN)
        WorkerThread(named: "signals") { [self] in
            while true { take(Self.next()) }
        }.detach()
    }

    /// From now on there is something to finish.
    package func hold() {
        state.withLock { $0.isHeld = true }
    }

    /// Waits for the first one.
    package func wait() {
        state.wait(for: Self.hasCome) { state in state.firstCame.map { _ in () } }
    }

    private func take(_ signal: Int32) {
        let now = MonotonicTime.now
        let first = state.withLock { state in
            if !state.isHeld { _exit(0) }
            defer { state.firstCame = state.firstCame ?? now }
            return state.firstCame
        }
        if let first {
            guard now < first.advanced(by: Self.echoTime) else { _exit(128 + signal) }
            return
        }
        state.signal(Self.hasCome)
    }

    private static func next() -> Int32 {
        var set = set
        var signal: Int32 = 0
        unsafe sigwait(&set, &signal)
        return signal
    }

    /// Ends the program when a shutdown hangs, so that whoever runs it need not: nothing that was answered is at stake.
    package func exit(after limit: Duration, _ report: @escaping @Sendable () -> Void) {
        WorkerThread(named: "shutdown") {
            let (seconds, attoseconds) = limit.components
            sleep(UInt32(clamping: seconds))
            usleep(UInt32(clamping: attoseconds / 1_000_000_000_000))
            report()
            _exit(1)
        }.detach()
    }

    private static var set: sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        return set
    }
}
