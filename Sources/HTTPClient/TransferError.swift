/// Why there is no complete answer, and whether the server may have acted on the request all the same.
package struct TransferError: Error, Equatable, CustomStringConvertible {
    /// What the caller of a write must know before it may try again.
    package enum Delivery: Equatable, Sendable {
        /// No byte of the request left this machine: trying again is safe.
        case neverSent
        /// Some of the request was sent and no status came back: the server may have applied it, or still may.
        case maybeApplied
        /// The status arrived, and the rest of the answer did not.
        case answered(status: Int)
    }

    package enum Reason: Equatable, Sendable {
        case invalidRequest
        case nameLookup
        case connect
        /// No certificate bundle was found on this machine, so no TLS server can be verified.
        case noCABundle
        /// The server's certificate was not accepted.
        case certificate
        case tls
        case connectLimit
        case stallLimit
        case totalLimit
        /// The connection ended, by reset or in good order, before the answer was complete.
        case connectionLost
        /// What came back is not HTTP.
        case notHTTP
        case answerTooLarge
        case cancelled
        case other(code: Int32)
    }

    package let delivery: Delivery
    package let reason: Reason
    /// libcurl's own words; names the host, never headers or bodies.
    package let detail: String

    package init(_ delivery: Delivery, _ reason: Reason, _ detail: String) {
        (self.delivery, self.reason, self.detail) = (delivery, reason, detail)
    }

    package var description: String {
        switch delivery {
        case .neverSent: "not sent: \(detail)"
        case .maybeApplied: "sent, but no answer: \(detail)"
        case .answered(let status): "answered \(status), but the answer is incomplete: \(detail)"
        }
    }
}
