internal import Glibc
internal import Threads

/// Starts programs that end with this process, if they know ``Parent``.
///
/// Linux signals a child when the *thread* that started it ends; so all are started by one thread that stays.
package final class Nursery: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private static let hasWork = 0
    private let state = Monitor(State(), conditions: 1)

    package init() {
        WorkerThread(named: "nursery") { [state] in
            while true {
                let job: (@Sendable () -> Void)? = state.wait(for: Self.hasWork) { state -> (@Sendable () -> Void)?? in
                    if !state.jobs.isEmpty { return state.jobs.removeFirst() }
                    return state.isClosed ? .some(nil) : nil
                }
                guard let job else { return }
                job()
            }
        }.detach()
    }

    deinit {
        state.withLock { $0.isClosed = true }
        state.signal(Self.hasWork)
    }

    /// Starts `path` with nothing on its standard input, in a process group of its own.
    ///
    /// The files for its standard output and error are made anew.
    package func start(
        _ path: String,
        _ arguments: [String],
        environment: [String: String],
        output: String,
        errors: String
    ) async throws(ProcessError) -> ChildProcess {
        var variables = environment
        variables[Parent.variable] = String(getpid())
        let launch = Launch(
            path: path,
            arguments: [path] + arguments,
            environment: variables.map { "\($0.key)=\($0.value)" },
            output: output,
            errors: errors
        )
        let result: Result<ChildProcess, ProcessError> = await withCheckedContinuation { continuation in
            state.withLock { state in
                state.jobs.append {
                    continuation.resume(returning: Result { () throws(ProcessError) in try launch.run() })
                }
            }
            state.signal(Self.hasWork)
        }
        return try result.get()
    }
}

private struct Launch: Sendable {
    let path: String
    let arguments: [String]
    let environment: [String]
    let output: String
    let errors: String

    func run() throws(ProcessError) -> ChildProcess {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A Ctrl-C on the terminal is for the parent, which then decides; and what it blocks, the child need not.
        posix_spawnattr_setpgroup(&attributes, 0)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        var id = pid_t()
        let code = withCStrings(arguments) { arguments in
            withCStrings(environment) { environment in
                posix_spawn(&id, path, &actions, &attributes, arguments, environment)
            }
        }
        guard code == 0 else {
            throw ProcessError(description: "cannot start \(path): \(String(cString: strerror(code)))")
        }
        return ChildProcess(id: id)
    }

    private func withCStrings<Value>(
        _ strings: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Value
    ) -> Value {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
