internal import Glibc

/// SIGKILL or SIGSTOP to this process: nothing of it runs on, no buffer is written.
package func signalOwnProcess(_ kind: FaultPlan.Signal.Kind) {
    kill(getpid(), kind == .kill ? SIGKILL : SIGSTOP)
}
