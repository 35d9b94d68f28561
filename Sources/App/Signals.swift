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

    private var set: sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        return set
    }
}
