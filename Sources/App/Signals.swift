import Glibc
import Threads

/// The signals that ask a program to end, taken one by one instead of interrupting something.
package struct Signals: Sendable {
    private let signals: [Int32] = [SIGTERM, SIGINT]

    /// Must be called before any thread starts: threads inherit what is blocked.
    package init() {
        var set = set
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        // A client that goes away must not end the program.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Waits for one of them.
    package func wait() -> Int32 {
        var set = set
        var signal: Int32 = 0
        unsafe sigwait(&set, &signal)
        return signal
    }

    /// From now on, the next one ends the program at once, with the exit code that shells give for it.
    package func exitOnNext() {
        WorkerThread(named: "signals") { _exit(128 + wait()) }.detach()
    }

    private var set: sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        return set
    }
}
