internal import HTTP
internal import Threads

/// One client: what it has sent, what it is owed, and until when.
///
/// Owned by one worker and touched on its loop's thread only. That is why it may be `@unchecked Sendable`: the tasks
/// that hold it run on that loop.
final class Connection: @unchecked Sendable {
    /// What the connection waits for; each has its own time limit.
    enum Phase {
        case idle, head, body
        /// A handler has the request; its own limits apply.
        case handling
        /// All is said: what still arrives is read and dropped, so that closing does not cut off the last answer.
        case lingering
    }

    let descriptor: Int32
    let peer: PeerAddress
    /// Its place in the worker's table, and what tells it from the one that had the place before.
    let token: UInt64

    var reader: MessageReader
    /// Bytes that arrived and are not used yet.
    var unread: [UInt8] = []
    var unsent = Unsent()

    var phase = Phase.idle
    /// When the phase is over at the latest; of no meaning while handling.
    var deadline: MonotonicTime
    /// When the client must have taken what was unsent when its time began.
    var sendDeadline: MonotonicTime?
    /// Held bytes as last reported to the worker.
    var chargedBytes = 0
    /// The request that a handler has; held even if the connection is closed meanwhile.
    var handledBytes = 0

    /// Whether `unread` makes no request without more bytes.
    var needsInput = true
    /// Edge-triggered: whether the socket may have more to read.
    var isReadable = false
    /// The other end has said its last, so a short read is no proof that the socket is dry.
    var hasPeerHungUp = false
    var hasReachedEnd = false
    /// No further request is read; close when everything is sent.
    var isClosing = false
    var isClosed = false
    /// Whether it is in the worker's backlog.
    var isQueued = false
    var hasSentContinue = false

    init(descriptor: Int32, peer: PeerAddress, token: UInt64, limits: RequestLimits, deadline: MonotonicTime) {
        self.descriptor = descriptor
        self.peer = peer
        self.token = token
        self.deadline = deadline
        reader = MessageReader(limits: limits)
    }

    var nextDeadline: MonotonicTime? {
        switch phase {
        case .handling: sendDeadline
        // Not idle in truth while it takes an answer.
        case .idle: sendDeadline ?? deadline
        case .head, .body, .lingering: sendDeadline.map { min($0, deadline) } ?? deadline
        }
    }

    var hasUnsent: Bool { !unsent.isEmpty }

    /// What the connection makes the server hold.
    var heldBytes: Int { unread.count + reader.heldByteCount + handledBytes + unsent.bytes.count }

    /// Whether nothing has been asked that is not answered.
    var isIdle: Bool { phase == .idle && unread.isEmpty && !hasUnsent }
}
