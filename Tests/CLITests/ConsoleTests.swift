import Foundation
import Glibc
import Synchronization
import Testing

@testable import CLI

private let interruptions = Atomic<Int>(0)

struct ConsoleTests {
    @Test func `a text larger than a pipe arrives whole, though the pipe does not block`() throws {
        let text = String(repeating: "りんご\n", count: 200_000)
        let pipe = Pipe()
        let descriptor = pipe.fileHandleForWriting.fileDescriptor
        #expect(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
        let writer = Thread {
            #expect(throws: Never.self) { try TextOutput(descriptor: descriptor, environment: [:]).write(text) }
            #expect(throws: Never.self) { try pipe.fileHandleForWriting.close() }
        }
        writer.start()
        #expect(try pipe.fileHandleForReading.readToEnd() == Data(text.utf8))
    }

    @Test func `a write that a signal interrupts goes on`() throws {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in interruptions.add(1, ordering: .relaxed) }
        try #require(sigaction(SIGUSR2, &action, nil) == 0)
        let pipe = Pipe()
        let descriptor = pipe.fileHandleForWriting.fileDescriptor
        // A full pipe holds the writer where the signals can find it.
        #expect(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
        var isFull = false
        while !isFull { isFull = write(descriptor, "x", 1) < 0 }
        #expect(fcntl(descriptor, F_SETFL, 0) == 0)
        let thread = Mutex<pthread_t?>(nil)
        let writer = Thread {
            // The thread that started this one may have blocked all signals, as workers of Dispatch do.
            var signals = sigset_t()
            sigaddset(&signals, SIGUSR2)
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            thread.withLock { $0 = pthread_self() }
            #expect(throws: Never.self) { try TextOutput(descriptor: descriptor, environment: [:]).write("apples") }
            #expect(throws: Never.self) { try pipe.fileHandleForWriting.close() }
        }
        writer.start()
        while interruptions.load(ordering: .relaxed) < 100 {
            if let thread = thread.withLock(\.self) { pthread_kill(thread, SIGUSR2) }
            sched_yield()
        }
        let read = try pipe.fileHandleForReading.readToEnd() ?? Data()
        #expect(read.suffix(7) == Data("xapples".utf8))
    }

    @Test func `a reader that is gone ends the command quietly`() throws {
        // As a server does; without it the write would end the process, as quietly.
        signal(SIGPIPE, SIG_IGN)
        let (data, messages) = (Pipe(), Pipe())
        try data.fileHandleForReading.close()
        let console = console(data, messages)
        #expect(throws: OutputError.readerGone) { try console.write("apples") }
        #expect(console.report(OutputError.readerGone) == .success)
        try messages.fileHandleForWriting.close()
        #expect(try messages.fileHandleForReading.readToEnd()?.isEmpty ?? true)
    }

    @Test func `a write that fails says why`() throws {
        let full = open("/dev/full", O_WRONLY)
        defer { close(full) }
        let output = TextOutput(descriptor: full, environment: [:])
        #expect(throws: OutputError.failed(errno: ENOSPC)) { try output.write("apples") }
        #expect("\(OutputError.failed(errno: ENOSPC))" == "writing the output failed: No space left on device")
    }

    @Test func `errors go to the message stream with the exit code that fits`() throws {
        let (data, messages) = (Pipe(), Pipe())
        let console = console(data, messages)
        #expect(console.report(try #require(refusal("serve --prot 1"))) == .usage)
        #expect(console.report(OutputError.failed(errno: EIO)) == .failure)
        try data.fileHandleForWriting.close()
        try messages.fileHandleForWriting.close()
        #expect(try data.fileHandleForReading.readToEnd()?.isEmpty ?? true)
        #expect(
            try messages.fileHandleForReading.readToEnd().map { String(decoding: $0, as: UTF8.self) } == """
                error: shop serve has no option '--prot'
                Did you mean --port?
                For help: shop serve --help
                error: writing the output failed: Input/output error

                """
        )
    }

    @Test(
        arguments: [
            ([:], true), (["NO_COLOR": ""], true), (["NO_COLOR": "1"], false), (["TERM": "dumb"], false),
            (["TERM": "xterm"], true),
        ] as [([String: String], Bool)]
    )
    func `a terminal gets colours unless the environment says no, and tells its width`(
        environment: [String: String],
        isColoured: Bool
    ) throws {
        let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try #require(terminal >= 0)
        defer { close(terminal) }
        var size = winsize(ws_row: 24, ws_col: 72, ws_xpixel: 0, ws_ypixel: 0)
        try #require(ioctl(terminal, UInt(TIOCSWINSZ), &size) == 0)
        let output = TextOutput(descriptor: terminal, environment: environment)
        #expect(output.isTerminal)
        #expect(output.width == 72)
        #expect(output.style == (isColoured ? .ansi : .plain))
    }

    @Test func `a pipe gets no colours and 80 columns`() {
        let pipe = Pipe()
        let output = TextOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor, environment: ["TERM": "xterm"])
        #expect(!output.isTerminal)
        #expect(output.width == 80)
        #expect(output.style == .plain)
    }

    private func console(_ data: Pipe, _ messages: Pipe) -> Console {
        Console(
            output: TextOutput(descriptor: data.fileHandleForWriting.fileDescriptor, environment: [:]),
            messages: TextOutput(descriptor: messages.fileHandleForWriting.fileDescriptor, environment: [:])
        )
    }
}
