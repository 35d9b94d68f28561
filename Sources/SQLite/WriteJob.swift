internal import Threads

/// What a write found or made, now that it is durable.
package struct Committed<Value: Sendable>: Sendable {
    package let value: Value
    /// The number of its transaction in the log, which others may have shared; nil if there is no log.
    package let txid: UInt64?
}

/// A write on its way: what to run, and who waits for it.
///
/// Safe to share because it is only ever handed on: the caller makes it, the writer's thread runs it, and the thread
/// that the queue gave it back to answers it. The queue's lock lies between each of these.
class WriteJob: QueuedWrite, @unchecked Sendable {
    let deadline: MonotonicTime
    let byteCount: Int
    /// The thread that waits, if it is one that wants its answers in one parcel.
    let thread: AttachedThread?
    /// Set by each run; nil after a failed one.
    private(set) var error: (any Error)?
    /// What the gate called the batch.
    fileprivate private(set) var txid: UInt64?

    fileprivate init(deadline: MonotonicTime, byteCount: Int, thread: AttachedThread?) {
        self.deadline = deadline
        self.byteCount = byteCount
        self.thread = thread
    }

    /// Runs the write; how it ended is kept until the gate has spoken.
    func run(on connection: Connection) {
        do {
            error = nil
            try perform(on: connection)
        } catch {
            self.error = error
        }
    }

    /// The batch it ran in is durable, as this transaction of the log if there is one.
    func passGate(_ txid: UInt64?) { self.txid = txid }

    /// Whatever it had found rests on a batch that is not to be.
    func fail(_ error: any Error) { self.error = error }

    fileprivate func perform(on connection: Connection) throws { preconditionFailure("abstract") }

    /// Resumes whoever waits, exactly once.
    ///
    /// - Parameter failure: What to answer instead of the result; the writer may then still be running this job.
    func answer(failure: WriteFailure?) { preconditionFailure("abstract") }
}

final class TypedWriteJob<Value: Sendable>: WriteJob, @unchecked Sendable {
    private let body: @Sendable (Connection) throws -> Value
    private let continuation: UnsafeContinuation<Committed<Value>, any Error>
    private var value: Value?

    init(
        deadline: MonotonicTime,
        byteCount: Int,
        thread: AttachedThread?,
        body: @escaping @Sendable (Connection) throws -> Value,
        continuation: UnsafeContinuation<Committed<Value>, any Error>
    ) {
        self.body = body
        self.continuation = continuation
        super.init(deadline: deadline, byteCount: byteCount, thread: thread)
    }

    fileprivate override func perform(on connection: Connection) throws {
        // Run again after a lost batch, the new result takes the place of the old one.
        value = try connection.restricted(body)
    }

    override func answer(failure: WriteFailure?) {
        if let failure { return continuation.resume(throwing: failure) }
        if let error { return continuation.resume(throwing: error) }
        guard let value else { preconditionFailure("answered before it ran") }
        continuation.resume(returning: Committed(value: value, txid: txid))
    }
}
