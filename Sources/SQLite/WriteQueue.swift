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
    private var waitingBytes = 0
    private var batch: [Write] = []
    private var isWriting = false
    private var gathering: Gathering?
    private(set) var isClosed = false

    /// What the next batch waits for.
    private struct Gathering {
        let count: Int
        let end: Write.Instant
    }

    init(limits: Limits) {
        self.limits = limits
    }

    var waitingCount: Int { waiting.count }

    mutating func add(_ write: Write) -> Admission {
        guard !isClosed else { return .closed }
        guard waitingCount < limits.waitingCountMax, write.byteCount <= limits.waitingBytesMax - waitingBytes else {
            return .full
        }
        waiting.append(write)
        waitingBytes += write.byteCount
        // While the writer gathers, only the last one it waits for is news.
        let isNews = gathering == nil ? waitingCount == 1 : isGathered
        return .admitted(wakesWriter: !isWriting && isNews)
    }

    /// Lets the next batch wait for as many as have just been answered, until `end` at the latest.
    ///
    /// Clients that send their next write when the last one is answered would otherwise fall into two halves, each of
    /// which comes a moment too late for the batch that takes the other: all would wait for every second batch only. A
    /// client without company never waits.
    mutating func gather(_ answeredCount: Int, until end: Write.Instant) {
        let count = min(waitingCount + answeredCount, limits.batchCountMax)
        guard count > 1 else { return }
        gathering = Gathering(count: count, end: end)
    }

    /// When to ask again for a batch that waits for others.
    var gatheringEnd: Write.Instant? { gathering?.end }

    private var isGathered: Bool {
        guard let gathering else { return true }
        return isClosed || waitingCount >= gathering.count || waitingBytes >= limits.batchBytesMax
    }

    /// The writes that go into the next transaction; at least one if any waits, and is not to wait for others.
    mutating func takeBatch(at now: Write.Instant) -> [Write] {
        precondition(!isWriting, "a batch is taken while another is written")
        if let gathering, gathering.end > now, !isGathered { return [] }
        gathering = nil
        var bytes = 0
        var count = 0
        while count < min(waiting.count, limits.batchCountMax) {
            bytes += waiting[count].byteCount
            guard count == 0 || bytes <= limits.batchBytesMax else { break }
            count += 1
        }
        batch = takeWaiting(count)
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
        let expired = takeWaiting(waiting.prefix { $0.deadline <= now }.count)
        let late = batch.filter { $0.deadline <= now }
        batch.removeAll { $0.deadline <= now }
        return (expired, late)
    }

    /// When the next answer is due, if anyone waits.
    var nextDeadline: Write.Instant? {
        let first = waiting.first?.deadline
        guard let inBatch = batch.lazy.map(\.deadline).min() else { return first }
        return first.map { min($0, inBatch) } ?? inBatch
    }

    /// No more writes are taken; those that wait are still written.
    mutating func close() { isClosed = true }

    /// No more writes are taken, and nobody waits any longer: neither those that never began, nor those in the batch.
    mutating func giveUp() -> (waiting: [Write], inBatch: [Write]) {
        close()
        defer { batch = [] }
        return (takeWaiting(waiting.count), batch)
    }

    /// Moves the rest up at once: what has left must not hold its memory here, and 4096 references are a page or eight.
    private mutating func takeWaiting(_ count: Int) -> [Write] {
        let taken = Array(waiting.prefix(count))
        for write in taken { waitingBytes -= write.byteCount }
        waiting.removeFirst(count)
        return taken
    }
}
