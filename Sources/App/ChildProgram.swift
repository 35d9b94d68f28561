import Glibc
import Threads

/// A program that was started, with our environment, input and outputs.
package final class ChildProgram: Sendable {
    /// Why there is no such program.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private let pid: pid_t

    /// Starts a program, which is looked for in PATH; `ended` is given its exit code, as a shell would.
    package init(_ words: [String], ended: @escaping @Sendable (_ exitCode: Int32) -> Void) throws(Failure) {
        guard let name = words.first else { throw Failure(description: "there is no command to run") }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // What we block and ignore, the program must not.
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        var pipe = sigset_t()
        unsafe sigemptyset(&pipe)
        unsafe sigaddset(&pipe, SIGPIPE)
        unsafe posix_spawnattr_setsigdefault(&attributes, &pipe)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let code = unsafe posix_spawnp(&pid, name, nil, &attributes, &arguments, environ)
        guard code == 0 else {
            throw Failure(description: "cannot run \(name): \(unsafe String(cString: strerror(code)))")
        }
        self.pid = pid
        let child = pid
        WorkerThread(named: "child") { ended(Self.wait(for: child)) }.detach()
    }

    /// Passes a signal on; one that has ended gets none.
    package func signal(_ number: Int32) { kill(pid, number) }

    private static func wait(for child: pid_t) -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) == -1 {
            guard errno == EINTR else { return 1 }
        }
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}
