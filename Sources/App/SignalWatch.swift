import Glibc
import Threads

/// Signals that are handed to a closure, one by one, instead of interrupting something.
package struct SignalWatch: Sendable {
    /// Must be made before any thread starts: threads inherit what is blocked.
    package init(_ signals: [Int32], _ receive: @escaping @Sendable (Int32) -> Void) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        // Whoever reads our output may go away.
        signal(SIGPIPE, SIG_IGN)
        let watched = set
        WorkerThread(named: "signals") {
            while true {
                var set = watched
                var signal: Int32 = 0
                if unsafe sigwait(&set, &signal) == 0 { receive(signal) }
            }
        }.detach()
    }
}
