internal import CSQLite
internal import Synchronization

/// Stops the statement that a connection is running, from any thread.
///
/// - SeeAlso: <https://sqlite.org/c3ref/interrupt.html>
package final class Interrupter: Sendable {
    private struct State {
        /// As a number, because a pointer is not `Sendable`; only there while the connection is open.
        var handle: UInt?
        var isInterrupted = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Whether it was used: what begins only now is not stopped.
    package var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

    package func interrupt() {
        state.withLock { state in
            state.isInterrupted = true
            // The lock keeps the connection open for as long as this takes.
            if let handle = state.handle.flatMap({ OpaquePointer(bitPattern: $0) }) { sqlite3_interrupt(handle) }
        }
    }

    func attach(_ handle: OpaquePointer) {
        let number = UInt(bitPattern: handle)
        state.withLock { $0.handle = number }
    }

    func detach() { state.withLock { $0.handle = nil } }
}
