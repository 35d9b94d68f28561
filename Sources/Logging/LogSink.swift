internal import Glibc
internal import Threads

/// Where finished log lines go: a descriptor that a thread of its own writes to.
///
/// A reader of our output that stalls must not stall the service, so lines wait in a bounded buffer; when that is full
/// they are counted instead of kept, and the count is logged when there is room again.
package final class LogSink: Sendable {
    private struct State {
        var buffer: [UInt8] = []
        var droppedCount = 0
        var isWaiting = false
        var isClosed = false
    }

    private static let bufferBytesMax = 1 << 20
    private static let gatherMicroseconds: UInt32 = 5000

    private let descriptor: Int32
    private let state = Monitor(State(), conditions: 2)
    private static let hasLines = 0
    private static let isDone = 1

    /// - Parameters:
    ///   - descriptor: Stays the caller's to close.
    ///   - notice: Makes the line that tells of lines that were dropped.
    package init(descriptor: Int32, notice: @escaping @Sendable (_ droppedCount: Int) -> [UInt8]) {
        self.descriptor = descriptor
        // Never joined: it ends with `close`, which waits for its last word.
        WorkerThread(named: "log") { [self] in writeLoop(notice) }.detach()
    }

    /// - Parameter line: With its line end.
    package func write(_ line: [UInt8]) {
        let mustWake = state.withLock { state in
            guard state.buffer.count + line.count <= Self.bufferBytesMax, !state.isClosed else {
                state.droppedCount += 1
                return false
            }
            state.buffer.append(contentsOf: line)
            defer { state.isWaiting = false }
            return state.isWaiting
        }
        if mustWake { state.signal(Self.hasLines) }
    }

    /// Writes out what there is, up to a limit, and takes no more.
    package func close(within limit: Duration) {
        state.withLock { $0.isClosed = true }
        state.signal(Self.hasLines)
        let deadline = MonotonicTime.now.advanced(by: limit)
        state.wait(for: Self.isDone, until: { _ in deadline }) { state -> Void? in
            state.isClosed && state.buffer.isEmpty && state.isWaiting || MonotonicTime.now >= deadline ? () : nil
        }
    }

    private func writeLoop(_ notice: (Int) -> [UInt8]) {
        // Two buffers that change places: memory that was faulted in once is used again.
        var lines: [UInt8] = []
        while true {
            lines.removeAll(keepingCapacity: true)
            let droppedCount = state.wait(for: Self.hasLines) { state -> Int? in
                guard state.buffer.isEmpty else {
                    swap(&lines, &state.buffer)
                    defer { state.droppedCount = 0 }
                    return state.droppedCount
                }
                state.isWaiting = true
                return state.isClosed ? 0 : nil
            }
            guard !lines.isEmpty else { return state.signal(Self.isDone) }
            writeAll(lines)
            // Lines that come close together share one write and one wake-up; under load both cost more than the lines.
            usleep(Self.gatherMicroseconds)
            if droppedCount > 0 { writeAll(notice(droppedCount)) }
        }
    }

    private func writeAll(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start)
            }
            if count > 0 {
                start += count
            } else if count < 0, errno == EAGAIN {
                // Somebody has made our output non-blocking; wait until it takes more.
                var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                Glibc.poll(&poll, 1, 1000)
            } else if count >= 0 || errno != EINTR {
                return  // nobody reads any more; there is no one left to tell
            }
        }
    }
}
