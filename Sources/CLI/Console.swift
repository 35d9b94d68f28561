import Glibc

/// The two streams of a command: data on stdout, messages on stderr.
package struct Console: Sendable {
    package let output: TextOutput
    package let messages: TextOutput

    package init(environment: [String: String]) {
        output = TextOutput(descriptor: STDOUT_FILENO, environment: environment)
        messages = TextOutput(descriptor: STDERR_FILENO, environment: environment)
    }

    package init(output: TextOutput, messages: TextOutput) {
        self.output = output
        self.messages = messages
    }

    /// Writes data.
    package func write(_ text: String) throws(OutputError) {
        try output.write(text)
    }

    /// Writes a line for people.
    package func message(_ text: String) {
        // When stderr fails there is nobody left to tell.
        try? messages.write(text + "\n")
    }

    /// Tells why a command failed, and what that means for the exit code.
    package func report(_ error: any Error) -> ExitCode {
        // `api … | head` has all it wanted.
        if case OutputError.readerGone = error { return .success }
        message(messages.style.red("error:") + " \(error)")
        return error is UsageError ? .usage : .failure
    }
}

/// Why a text could not be written to the end.
package enum OutputError: Error, Equatable, CustomStringConvertible {
    /// The other end of the pipe was closed.
    case readerGone
    case failed(errno: Int32)

    package var description: String {
        switch self {
        case .readerGone: "nobody reads the output any more"
        case .failed(let errno): "writing the output failed: \(String(cString: strerror(errno)))"
        }
    }
}

/// A stream of text, and what is known about who reads it.
package struct TextOutput: Sendable {
    package let descriptor: Int32
    package let isTerminal: Bool
    /// The terminal's columns, or 80.
    package let width: Int
    package let style: Style

    package init(descriptor: Int32, environment: [String: String]) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
        var size = winsize()
        let isSized = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        width = isSized ? Int(size.ws_col) : 80
        let wantsNone = environment["NO_COLOR"]?.isEmpty == false || environment["TERM"] == "dumb"
        style = isTerminal && !wantsNone ? .ansi : .plain
    }

    /// Writes all of `text`, however many calls it takes.
    package func write(_ text: String) throws(OutputError) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let (count, code) = rest.withUnsafeBytes { bytes in
                (Glibc.write(descriptor, bytes.baseAddress, bytes.count), errno)
            }
            guard count < 0 else {
                rest.removeFirst(count)
                continue
            }
            switch code {
            case EINTR: continue
            case EAGAIN:
                // Another process that shares the terminal made it non-blocking; wait as if it were not.
                var writable = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&writable, 1, -1)
            case EPIPE: throw .readerGone
            default: throw .failed(errno: code)
            }
        }
    }
}

/// How a stream shows emphasis.
package enum Style: Sendable {
    case plain, ansi

    package func bold(_ text: String) -> String { wrapped(text, code: 1) }
    package func red(_ text: String) -> String { wrapped(text, code: 31) }

    private func wrapped(_ text: String, code: Int) -> String {
        self == .ansi ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
