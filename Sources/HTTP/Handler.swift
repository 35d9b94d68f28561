/// What a request came with besides its bytes.
package struct RequestContext: Sendable {
    package let peer: PeerAddress
    /// When the last byte of the request was there, on the clock that only goes forward.
    package let receivedAt: ContinuousClock.Instant

    package init(peer: PeerAddress, receivedAt: ContinuousClock.Instant) {
        self.peer = peer
        self.receivedAt = receivedAt
    }
}

/// What a server serves; the server knows no route.
///
/// All calls come on the loop that owns the connection, and that loop is the executor the handler stays on: whatever
/// does not suspend is done before the next connection's turn.
package protocol Handler: Sendable {
    /// The largest body that will be taken; asked when the head is complete, before any of the body is read.
    func bodyBytesMax(for head: RequestHead) -> Int

    func respond(to request: Request, context: RequestContext) async -> Response

    /// The answer to what the server itself turns away: bytes that are no request, or one too many.
    func refuse(_ refusal: Refusal, context: RequestContext) -> Response
}
