/// Why a write was not answered with its result.
package enum WriteFailure: Error, Sendable {
    /// Too many writes wait already; this one was not taken.
    case queueFull
    /// The database is closing; this one was not taken.
    case closed
    /// Its time was up before it began: it was not done and will not be.
    case expired
    /// Its time was up while it was being committed: it may still be done.
    case outcomeUnknown
    /// Its batch could not be committed: it was not done.
    case notCommitted(any Error)
}

/// What a queue needs to know of a write.
protocol QueuedWrite: AnyObject {
    associatedtype Instant: Comparable
    /// When whoever waits wants an answer at the latest; later writes never have an earlier one.
    var deadline: Instant { get }
    /// How much memory it holds until it is answered.
    var byteCount: Int { get }
}

/// Writes waiting to share the next transaction, and so one trip through the gate.
///
/// Decides and does nothing else: no lock, no thread, no SQL. Every write that is admitted is handed back exactly once
/// for an answer: by `finishBatch` or by `takeExpired`.
struct WriteQueue<Write: QueuedWrite> {
    struct Limits: Sendable {
        var waitingCountMax = 4096
        var waitingBytesMax = 64 << 20
        var batchCountMax = 256
        var batchBytesMax = 8 << 20
    }

    enum Admission: Equatable {
        /// The writer sleeps if `wakesWriter`, and must be woken.
        case admitted(wakesWriter: Bool)
        case full
        case closed
    }

    private let limits: Limits
    private var waiting: [Write] = []
    /// Where `waiting` starts; moving it costs less than moving all that wait.
    private var waitingStart = 0
    private var waitingBytes = 0
    private var batch: [Write] = []
    private var isWriting = false
    private(set) var isClosed = false

    init(limits: Limits) {
        self.limits = limits
    }

    var waitingCount: Int { waiting.count - waitingStart }

    mutating func add(_ write: Write) -> Admission {
        guard !isClosed else { return .closed }
        guard waitingCount < limits.waitingCountMax, write.byteCount <= limits.waitingBytesMax - waitingBytes else {
            return .full
        }
        waiting.append(write)
        waitingBytes += write.byteCount
        return .admitted(wakesWriter: !isWriting && waitingCount == 1)
    }

    /// The writes that go into the next transaction; at least one if any waits.
    mutating func takeBatch() -> [Write] {
        precondition(!isWriting, "a batch is taken while another is written")
        var bytes = 0
        var end = waitingStart
        while end < waiting.count, end - waitingStart < limits.batchCountMax {
            bytes += waiting[end].byteCount
            guard end == waitingStart || bytes <= limits.batchBytesMax else { break }
            end += 1
        }
        batch = Array(waiting[waitingStart..<end])
        dropWaiting(upTo: end)
        isWriting = !batch.isEmpty
        return batch
    }

    /// The writes of the batch that still wait for an answer, now that it is committed or refused.
    mutating func finishBatch() -> [Write] {
        isWriting = false
        defer { batch = [] }
        return batch
    }

    /// The writes whose time is up: those that never began, and those in the batch at the gate.
    mutating func takeExpired(at now: Write.Instant) -> (waiting: [Write], inBatch: [Write]) {
        var end = waitingStart
        while end < waiting.count, waiting[end].deadline <= now { end += 1 }
        let expired = Array(waiting[waitingStart..<end])
        dropWaiting(upTo: end)
        let late = batch.filter { $0.deadline <= now }
        batch.removeAll { $0.deadline <= now }
        return (expired, late)
    }

    /// When the next answer is due, if anyone waits.
    var nextDeadline: Write.Instant? {
        let first = waitingStart < waiting.count ? waiting[waitingStart].deadline : nil
        guard let inBatch = batch.lazy.map(\.deadline).min() else { return first }
        return first.map { min($0, inBatch) } ?? inBatch
    }

    /// No more writes are taken; those that wait are still written.
    mutating func close() { isClosed = true }

    private mutating func dropWaiting(upTo end: Int) {
        for write in waiting[waitingStart..<end] { waitingBytes -= write.byteCount }
        waitingStart = end
        guard waitingStart == waiting.count || waitingStart > limits.waitingCountMax else { return }
        waiting.removeSubrange(..<waitingStart)
        waitingStart = 0
    }
}
