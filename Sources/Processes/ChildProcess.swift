internal import Glibc
internal import Synchronization

/// A program that was started, until it has ended and was seen to.
package final class ChildProcess: Sendable {
    package enum Exit: Sendable, Equatable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        package var description: String {
            switch self {
            case .code(let code): "exit code \(code)"
            case .signal(let signal): "signal \(signal)"
            }
        }
    }

    package enum State: Sendable, Equatable {
        case running
        /// By SIGSTOP, until ``send(_:)`` continues it.
        case stopped
        case ended(Exit)
    }

    package enum Signal: Sendable {
        case kill, terminate, stop, go

        fileprivate var number: Int32 {
            switch self {
            case .kill: SIGKILL
            case .terminate: SIGTERM
            case .stop: SIGSTOP
            case .go: SIGCONT
            }
        }
    }

    package let id: Int32
    private let last = Mutex(State.running)

    init(id: Int32) { self.id = id }

    /// What became of it, without waiting.
    package var state: State {
        last.withLock { last in
            if case .ended = last { return last }
            var status: Int32 = 0
            guard waitpid(id, &status, WNOHANG | WUNTRACED | WCONTINUED) == id else { return last }
            if status & 0xff == 0x7f {
                last = .stopped
            } else if status == 0xffff {
                last = .running
            } else if status & 0x7f == 0 {
                last = .ended(.code(status >> 8 & 0xff))
            } else {
                last = .ended(.signal(status & 0x7f))
            }
            return last
        }
    }

    package var exit: Exit? { if case .ended(let exit) = state { exit } else { nil } }

    /// Nothing happens to one that has ended, nor to whoever has its number by then.
    package func send(_ signal: Signal) {
        last.withLock { last in
            if case .ended = last { return }
            kill(id, signal.number)
            if signal == .go { last = .running }
        }
    }

    /// How it ended, or nil if it has not by the end of `limit`.
    package func wait(for limit: Duration) async -> Exit? {
        let deadline = ContinuousClock.now + limit
        while true {
            if let exit { return exit }
            guard ContinuousClock.now < deadline else { return nil }
            // Also when cancelled: whoever cleans up has to wait too.
            await Task.detached { try? await Task.sleep(for: .milliseconds(5)) }.value
        }
    }

    /// Ends it at once, whatever it is doing.
    package func end() async {
        send(.kill)
        // A kill cannot be refused; ten seconds are for a disk that hangs.
        _ = await wait(for: .seconds(10))
    }
}

package struct ProcessError: Error, CustomStringConvertible {
    package let description: String
}
