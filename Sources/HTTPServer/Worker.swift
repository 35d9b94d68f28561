internal import CLinux
internal import Glibc
internal import HTTP
internal import Synchronization
internal import Threads

/// Serves the connections of one loop.
///
/// Safe to share: everything but `load` and `connectionCount` is touched on the loop's thread only.
final class Worker: EventLoopClient, @unchecked Sendable {
    private static let acceptsPerTurnMax = 16
    private static let acceptPause = Duration.milliseconds(100)
    /// Deadlines may be looked at this much late: every look is at all connections.
    private static let sweepPause = Duration.milliseconds(50)
    private static let listenerToken = UInt64.max - 1

    let loop: EventLoop
    /// Read by the other workers when they place a new connection.
    let connectionCount = Atomic<Int>(0)

    let configuration: ServerConfiguration
    let handler: any Handler
    let load: ServerLoad
    private let hooks: LoopHooks
    private let bufferedBytesMax: Int
    private var peers: [Worker] = []

    private var listener: Int32
    private var connections: [Connection?] = []
    private var freeSlots: [Int] = []
    private var generation: UInt32 = 0
    private var backlog: [Connection] = []
    private var heldBytes = 0
    private(set) var isDraining = false
    private var isAcceptPaused = false

    /// What sockets are read into: one for the whole loop, so that an idle connection holds no buffer.
    let input = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 64 * 1024)
    /// Answers of the visit that is under way; empty between visits.
    var output: [UInt8] = []
    /// The connection whose handler has been called and has neither answered nor suspended yet.
    var dispatching: Connection?
    var dateField = DateField()

    private(set) var wakeUpTime: MonotonicTime?
    private var nextSweepTime = MonotonicTime.now

    /// - `listener`: A descriptor of its own for the shared listening socket; closed by the worker.
    init(
        loop: EventLoop,
        listener: Int32,
        configuration: ServerConfiguration,
        handler: any Handler,
        hooks: LoopHooks,
        load: ServerLoad
    ) {
        self.loop = loop
        self.listener = listener
        self.configuration = configuration
        self.handler = handler
        self.hooks = hooks
        self.load = load
        bufferedBytesMax = configuration.bufferedBytesMax / configuration.loopCount
        output.reserveCapacity(input.count)
    }

    deinit {
        input.deallocate()
        if listener >= 0 { close(listener) }
    }

    /// The thread's whole life.
    func run(beside peers: [Worker]) {
        self.peers = peers
        watchListener()
        loop.run(self)
        for connection in connections { if let connection { shut(connection) } }
        self.peers = []
        hooks.stops()
    }

    /// Takes no new connections and no new requests; what has begun is finished.
    func drain() {
        guard !isDraining else { return }
        isDraining = true
        if !isAcceptPaused { loop.unregister(listener) }
        close(listener)
        listener = -1
        for connection in connections {
            guard let connection, connection.isIdle else { continue }
            // A request may have come in this moment; it is still answered.
            connection.isReadable = true
            visit(connection)
        }
    }

    /// Closes what is still open, however far it is.
    func abandon() {
        for connection in connections { if let connection { shut(connection) } }
    }

    // MARK: EventLoopClient

    func ready(_ token: UInt64, _ events: EventLoop.Events) {
        if token == Self.listenerToken { return accept() }
        let slot = Int(token & 0xFFFF_FFFF)
        // Events of a connection that was closed in this very turn are nobody's.
        guard slot < connections.count, let connection = connections[slot], connection.token == token else { return }
        if !events.isDisjoint(with: [.input, .hangUp]) { connection.isReadable = true }
        if !events.isDisjoint(with: .hangUp) { connection.hasPeerHungUp = true }
        visit(connection)
    }

    var hasBacklog: Bool { !backlog.isEmpty }

    func turnEnds() {
        if !backlog.isEmpty {
            let queued = backlog
            backlog.removeAll(keepingCapacity: true)
            for connection in queued {
                connection.isQueued = false
                if !connection.isClosed { visit(connection) }
            }
        }
        hooks.turnEnds()
    }

    func timeIsUp(at now: MonotonicTime) {
        wakeUpTime = nil
        nextSweepTime = now.advanced(by: Self.sweepPause)
        if isAcceptPaused, !isDraining {
            isAcceptPaused = false
            watchListener()
        }
        for connection in connections {
            guard let connection, let deadline = connection.nextDeadline else { continue }
            if deadline <= now { expire(connection) } else { wakeUp(at: deadline) }
        }
    }

    /// Makes sure that deadlines are looked at by then.
    func wakeUp(at time: MonotonicTime) {
        if let earlier = wakeUpTime, earlier <= time { return }
        wakeUpTime = max(time, nextSweepTime)
    }

    // MARK: Accepting

    private func watchListener() {
        if !loop.register(listener, Self.listenerToken, [.input, .exclusive]) { pauseAccepting() }
    }

    private func pauseAccepting() {
        isAcceptPaused = true
        wakeUp(at: .now.advanced(by: Self.acceptPause))
    }

    private func accept() {
        for _ in 0..<Self.acceptsPerTurnMax {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let descriptor = withUnsafeMutablePointer(to: &storage) { storage in
                storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    accept4(listener, $0, &length, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
                }
            }
            guard descriptor >= 0 else { return noteAcceptError(errno) }
            place(descriptor, PeerAddress(storage))
        }
    }

    /// One loop may find all of a burst; the connections are spread all the same.
    private func place(_ descriptor: Int32, _ peer: PeerAddress) {
        guard load.addConnection(from: peer.host) else { return turnAway(descriptor, peer) }
        var emptiest = self
        for peer in peers where peer.load(lessThan: emptiest) { emptiest = peer }
        emptiest.connectionCount.add(1, ordering: .relaxed)
        if emptiest === self {
            adopt(descriptor, peer)
        } else {
            emptiest.loop.submit { [emptiest] in emptiest.adopt(descriptor, peer) }
        }
    }

    private func load(lessThan other: Worker) -> Bool {
        connectionCount.load(ordering: .relaxed) < other.connectionCount.load(ordering: .relaxed)
    }

    private func noteAcceptError(_ code: Int32) {
        switch code {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            // The listener stays ready, so watching it would spin until something is closed.
            loop.unregister(listener)
            pauseAccepting()
        default: break  // drained, or the client is gone already
        }
    }

    private func adopt(_ descriptor: Int32, _ peer: PeerAddress) {
        guard !isDraining else {
            forget(peer)
            close(descriptor)
            return
        }
        generation &+= 1
        // The listener's and the mailbox's tokens are beyond any generation that this can reach with such a slot.
        let slot = freeSlots.popLast() ?? connections.count
        if slot == connections.count { connections.append(nil) }
        let connection = Connection(
            descriptor: descriptor,
            peer: peer,
            token: UInt64(generation & 0x7FFF_FFFF) << 32 | UInt64(slot),
            limits: configuration.request,
            deadline: .now.advanced(by: configuration.headTimeout)
        )
        connections[slot] = connection
        wakeUp(at: connection.deadline)
        if !loop.register(descriptor, connection.token, [.input, .output, .hangUp, .edgeTriggered]) {
            shut(connection)
        }
    }

    func shut(_ connection: Connection) {
        guard !connection.isClosed else { return }
        connection.isClosed = true
        connection.unread = []
        connection.unsent = Unsent()
        connection.reader = MessageReader(limits: configuration.request)
        // What is left is the request that a handler has: it stays in the books until the handler is done with it.
        _ = charge(connection)
        let slot = Int(connection.token & 0xFFFF_FFFF)
        connections[slot] = nil
        freeSlots.append(slot)
        close(connection.descriptor)
        forget(connection.peer)
    }

    private func forget(_ peer: PeerAddress) {
        connectionCount.subtract(1, ordering: .relaxed)
        load.dropConnection(from: peer.host)
    }

    /// Goes on with a connection when the others have had their turn.
    func enqueue(_ connection: Connection) {
        guard !connection.isQueued else { return }
        connection.isQueued = true
        backlog.append(connection)
    }

    /// Brings the books up to date with what a connection holds; false if that is more than there is room for.
    func charge(_ connection: Connection) -> Bool {
        let held = connection.heldBytes
        let growth = held - connection.chargedBytes
        heldBytes += growth
        connection.chargedBytes = held
        return growth <= 0 || heldBytes <= bufferedBytesMax
    }

    /// Whether a handler may keep a request for as long as it needs.
    func hasRoom(for request: Request, of connection: Connection) -> Bool {
        heldBytes - connection.chargedBytes + request.byteCount <= bufferedBytesMax
    }

    /// Says why, as far as the socket takes it at once, to a connection there is no room for.
    private func turnAway(_ descriptor: Int32, _ peer: PeerAddress) {
        let refusal = Refusal.overloaded("Too many connections are open.")
        let response = handler.refuse(refusal, context: RequestContext(peer: peer, receivedAt: .now))
        var bytes: [UInt8] = []
        ResponseEncoder.append(response, to: &bytes, date: dateField.now(), isHead: false, persistence: .closes)
        _ = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        // There is no room to linger. What has arrived is taken at least, or closing would cut off the answer.
        shutdown(descriptor, Int32(SHUT_WR))
        _ = read(descriptor, input.baseAddress, input.count)
        close(descriptor)
    }
}
