import Foundation
import Logging
import Synchronization

/// A pipe whose reading end is ours: a log goes in, its lines come out.
///
/// Safe to share: each end is closed once, under the lock, by whoever comes first.
final class LogPipe: Sendable {
    let writing: Int32
    private let reading: Int32
    private let open: Mutex<(reading: Bool, writing: Bool)>

    init() throws {
        // As the program does.
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
        (reading, writing) = (ends[0], ends[1])
        open = Mutex((true, true))
    }

    deinit {
        closeReading()
        closeWriting()
    }

    func closeReading() {
        open.withLock { open in
            if open.reading { close(reading) }
            open.reading = false
        }
    }

    func closeWriting() {
        open.withLock { open in
            if open.writing { close(writing) }
            open.writing = false
        }
    }

    func makeNonBlocking() { _ = fcntl(writing, F_SETFL, fcntl(writing, F_GETFL) | O_NONBLOCK) }

    /// Closes the writing end, and gives all that has come.
    func rest() -> String {
        closeWriting()
        return untilClosed()
    }

    /// All that comes until the writing end is closed.
    func untilClosed() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(reading, &buffer, buffer.count), count > 0 { bytes += buffer.prefix(count) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads on a thread of its own: closing a log blocks, and tasks have few threads.
    ///
    /// - Returns: Waits for the end, and gives all that has come.
    func startReading() -> () -> String {
        let (done, found) = (DispatchSemaphore(value: 0), FoundText())
        Thread.detachNewThread { [self] in
            let text = untilClosed()
            found.text.withLock { $0 = text }
            done.signal()
        }
        return {
            done.wait()
            return found.text.withLock { $0 }
        }
    }

    /// Returns when nothing more fits, because nobody reads.
    func waitUntilFull() {
        var poll = pollfd(fd: writing, events: Int16(POLLOUT), revents: 0)
        while Glibc.poll(&poll, 1, 0) != 0 { usleep(1000) }
    }
}

private final class FoundText: Sendable {
    let text = Mutex("")
}

/// Everything that `body` logs; not more than fits into a pipe.
func logged(_ format: LogFormat, level: LogLevel = .debug, _ body: (Logger) -> Void) throws -> String {
    let pipe = try LogPipe()
    let logger = Logger(level: level, format: format, descriptor: pipe.writing)
    body(logger)
    logger.close(within: .seconds(60))
    return pipe.rest()
}
