internal import CLinux
internal import Glibc
internal import HTTP
internal import Threads

/// What happens on one connection.
extension Worker {
    /// How much one connection may do before others get their turn.
    private static let readsPerVisitMax = 16
    private static let requestsPerVisitMax = 64
    /// A client that does not take its answers is not read from.
    private static let unsentBytesMax = 256 * 1024
    /// How long the other end may go on sending after our last answer.
    private static let lingerTimeout = Duration.seconds(2)

    /// Reads, answers and sends until there is nothing to do for now.
    func visit(_ connection: Connection) {
        guard connection.phase != .lingering else { return discard(connection) }
        if connection.hasUnsent { flush(connection) }
        var readsLeft = Self.readsPerVisitMax
        var requestsLeft = Self.requestsPerVisitMax
        while mayRead(connection), requestsLeft > 0 {
            if !connection.needsInput {
                let unread = connection.unread
                connection.unread = []
                consume(connection, unread.span, &requestsLeft)
            } else if connection.isReadable, readsLeft > 0 {
                readsLeft -= 1
                receive(connection, &requestsLeft)
            } else {
                break
            }
        }
        flush(connection)
        guard !connection.isClosed else { return }
        // What was answered before the drain began did not say that the connection closes.
        if isDraining, connection.isIdle, !connection.isReadable { return shut(connection) }
        if mayRead(connection), connection.isReadable || !connection.needsInput { enqueue(connection) }
        guard !charge(connection) else { return }
        relieve(connection)
    }

    /// Closes what has outlived its time, with a word if a request had begun.
    func expire(_ connection: Connection) {
        guard connection.phase == .head || connection.phase == .body, !connection.hasUnsent else {
            return shut(connection)
        }
        refuse(connection, .timedOut)
        flush(connection)
    }

    private func mayRead(_ connection: Connection) -> Bool {
        !connection.isClosed && !connection.isClosing && connection.phase != .handling
            && connection.unsent.count + output.count < Self.unsentBytesMax
    }

    private func receive(_ connection: Connection, _ requestsLeft: inout Int) {
        let count = read(connection.descriptor, input.baseAddress, input.count)
        guard count > 0 else { return noteReadEnd(connection, count, errno) }
        // A short read means the socket is dry, unless the end has come too: its edge would not be shown again.
        if count < input.count, !connection.hasPeerHungUp { connection.isReadable = false }
        let bytes = UnsafeBufferPointer(rebasing: input[..<count])
        if connection.unread.isEmpty {
            consume(connection, Span(_unsafeElements: bytes), &requestsLeft)
        } else {
            var unread = connection.unread
            connection.unread = []
            unread.append(contentsOf: bytes)
            consume(connection, unread.span, &requestsLeft)
        }
    }

    private func noteReadEnd(_ connection: Connection, _ count: Int, _ code: Int32) {
        if count < 0, code == EINTR { return }
        connection.isReadable = false
        if count < 0, code == EAGAIN { return }
        guard count == 0 else { return shut(connection) }
        // What was asked for is still answered: a client may close its half first.
        connection.hasReachedEnd = true
        connection.isClosing = true
    }

    /// Takes requests out of `bytes`, and keeps what is left of them.
    private func consume(_ connection: Connection, _ bytes: Span<UInt8>, _ requestsLeft: inout Int) {
        var offset = 0
        connection.needsInput = bytes.isEmpty
        while offset < bytes.count, mayRead(connection), requestsLeft > 0 {
            var used = 0
            do throws(Refusal) {
                let outcome = try connection.reader.read(
                    bytes.extracting(offset..<bytes.count),
                    used: &used,
                    bodyBytesMax: handler.bodyBytesMax
                )
                offset += used
                guard case .request(let request) = outcome else {
                    connection.needsInput = true
                    break
                }
                requestsLeft -= 1
                connection.hasSentContinue = false
                dispatch(connection, request)
            } catch {
                return refuse(connection, error)
            }
        }
        if offset == bytes.count {
            connection.needsInput = true
        } else {
            bytes.extracting(offset..<bytes.count).withUnsafeBufferPointer { connection.unread = Array($0) }
        }
        noteProgress(connection)
    }

    /// Starts the clock of the phase that the connection has come to.
    private func noteProgress(_ connection: Connection) {
        guard connection.phase != .handling, connection.needsInput else { return }
        if connection.reader.isInBody {
            enter(.body, connection, within: configuration.bodyTimeout)
            if connection.reader.awaitsContinue, connection.unread.isEmpty, !connection.hasSentContinue {
                connection.hasSentContinue = true
                output.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8)
            }
        } else if !connection.unread.isEmpty {
            enter(.head, connection, within: configuration.headTimeout)
        }
    }

    private func enter(_ phase: Connection.Phase, _ connection: Connection, within timeout: Duration) {
        guard connection.phase != phase else { return }
        connection.phase = phase
        connection.deadline = .now.advanced(by: timeout)
        wakeUp(at: connection.deadline)
    }

    // MARK: Answering

    private func dispatch(_ connection: Connection, _ request: Request) {
        let context = RequestContext(peer: connection.peer, receivedAt: .now)
        // Without a body it needs no room to speak of: readers are served even when writers have filled the memory.
        guard load.hasRoomInFlight, request.body.isEmpty || hasRoom(for: request, of: connection) else {
            let refusal = Refusal.overloaded("Too many requests are being worked on.")
            return answer(connection, request.head, handler.refuse(refusal, context: context))
        }
        connection.phase = .handling
        connection.handledBytes = request.byteCount
        dispatching = connection
        Task.immediate(executorPreference: loop) { [self] in
            let response = await handler.respond(to: request, context: context)
            finish(connection, request.head, response)
        }
        guard dispatching != nil else { return }
        dispatching = nil
        load.addInFlight()
    }

    /// The handler has answered: at once, inside `dispatch`, or later, as a job of the loop.
    private func finish(_ connection: Connection, _ head: RequestHead, _ response: Response) {
        precondition(loop.isCurrent, "a handler came back on another thread")
        if dispatching === connection {
            dispatching = nil
            return answer(connection, head, response)
        }
        load.dropInFlight()
        guard !connection.isClosed else {
            connection.handledBytes = 0
            _ = charge(connection)
            return
        }
        answer(connection, head, response)
        visit(connection)
    }

    private func answer(_ connection: Connection, _ head: RequestHead, _ response: Response) {
        let closes = !head.isKeptAlive || isDraining
        let stays = head.isHTTP11 ? ResponseEncoder.Persistence.stays : .staysForHTTP10
        ResponseEncoder.append(
            response,
            to: &output,
            date: dateField.now(),
            isHead: head.method == .head,
            persistence: closes ? .closes : stays
        )
        if closes { connection.isClosing = true }
        connection.handledBytes = 0
        connection.phase = .idle
        startIdleClock(connection)
    }

    private func refuse(_ connection: Connection, _ refusal: Refusal) {
        let response = handler.refuse(refusal, context: RequestContext(peer: connection.peer, receivedAt: .now))
        ResponseEncoder.append(response, to: &output, date: dateField.now(), isHead: false, persistence: .closes)
        connection.unread = []
        connection.reader = MessageReader(limits: configuration.request)
        connection.isClosing = true
        connection.phase = .idle
        // Now, not when the other end is gone: until then others would be refused for what is held no more.
        _ = charge(connection)
    }

    /// Makes room when all connections together hold too much: this is the one that just asked for more.
    private func relieve(_ connection: Connection) {
        if connection.hasUnsent { return shut(connection) }
        guard connection.phase == .body || connection.phase == .head else { return }
        refuse(connection, .overloaded("The server holds too many unfinished requests."))
        flush(connection)
    }

    // MARK: Sending

    /// Sends what it can; keeps the rest, and sees to closing when nothing is left.
    private func flush(_ connection: Connection) {
        defer { output.removeAll(keepingCapacity: output.capacity <= Self.unsentBytesMax * 2) }
        guard !connection.isClosed else { return }
        if connection.hasUnsent {
            connection.unsent.append(output)
            guard let count = send(connection, connection.unsent.bytes, from: connection.unsent.sentCount) else {
                return
            }
            if connection.unsent.advance(by: count) { startSendClock(connection) }
        } else if !output.isEmpty {
            guard let count = send(connection, output, from: 0) else { return }
            if count < output.count {
                connection.unsent = Unsent(output[count...])
                startSendClock(connection)
            }
        }
        guard !connection.hasUnsent else { return }
        if connection.sendDeadline != nil {
            connection.unsent = Unsent()
            connection.sendDeadline = nil
            if connection.phase == .idle { startIdleClock(connection) }
        }
        if connection.isClosing, connection.phase != .handling { linger(connection) }
    }

    private func startSendClock(_ connection: Connection) {
        let deadline = MonotonicTime.now.advanced(by: configuration.sendTimeout)
        connection.sendDeadline = deadline
        wakeUp(at: deadline)
    }

    private func startIdleClock(_ connection: Connection) {
        connection.deadline = .now.advanced(by: configuration.idleTimeout)
        wakeUp(at: connection.deadline)
    }

    /// - Returns: How many bytes the socket took; nil if the connection is gone.
    private func send(_ connection: Connection, _ bytes: [UInt8], from start: Int) -> Int? {
        var total = 0
        while start + total < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    connection.descriptor,
                    $0.baseAddress?.advanced(by: start + total),
                    $0.count - start - total,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count >= 0 {
                total += count
            } else if errno == EAGAIN {
                return total
            } else if errno != EINTR {
                shut(connection)
                return nil
            }
        }
        return total
    }

    /// Closing with input unread would make the kernel throw away our last answer: say that we are done, read on until
    /// the other end is done too.
    private func linger(_ connection: Connection) {
        guard !connection.hasReachedEnd else { return shut(connection) }
        shutdown(connection.descriptor, Int32(SHUT_WR))
        connection.unread = []
        connection.phase = .lingering
        connection.deadline = .now.advanced(by: Self.lingerTimeout)
        wakeUp(at: connection.deadline)
        connection.isReadable = true
        discard(connection)
    }

    private func discard(_ connection: Connection) {
        for _ in 0..<Self.readsPerVisitMax {
            let count = read(connection.descriptor, input.baseAddress, input.count)
            if count > 0 || count < 0 && errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            return shut(connection)
        }
        enqueue(connection)
    }
}
