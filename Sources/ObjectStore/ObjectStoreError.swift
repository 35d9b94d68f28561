/// A call to an object store that did not do what was asked.
package struct ObjectStoreError: Error, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// The key is taken; by whom is for the caller to find out.
        case exists
        /// There is no such key, and the store is certain of it.
        case notFound
        /// The object is no longer in the state that `ifMatch` names.
        case changed
        /// The range begins behind the end of the object.
        case outOfRange
        /// The credentials are good and not enough.
        case accessDenied
        /// There are no credentials, or the store does not accept them.
        case credentials
        /// There is no such bucket, container or account.
        case bucketMissing
        /// The settings cannot work as they are: the region, the endpoint, the certificates.
        case misconfigured
        /// Nothing was sent, or a question got no answer.
        case unreachable
        /// The store asks for fewer requests; it did nothing.
        case throttled
        /// The store answered that it cannot answer now.
        case unavailable
        /// A write was sent and its outcome is unknown: it may be applied, or be applied later.
        case ambiguous
        /// The store refuses the request for a reason that waiting does not change.
        case rejected
        /// The answer makes no sense: cut short, not the format it should be.
        case damaged
        /// More bytes than a call may hold in memory.
        case tooLarge
        case invalidKey
        /// The ``ByteSource`` failed.
        case source
        /// The task was cancelled, and nothing had been sent.
        case cancelled
    }

    package enum Operation: String, Sendable {
        case create, put, get, head, list, delete
        /// Fetching credentials for any of the others.
        case authenticate
    }

    package let kind: Kind
    package let operation: Operation
    /// The key, or the prefix that was listed; empty where none is concerned.
    package let key: String
    package let store: String
    /// What happened, as the store or the transport puts it.
    package let detail: String
    /// What the operator can do about it.
    package let advice: String?
    /// The store's own clock when it answered, if it did.
    package let storeTime: StoreTime?
    /// How long the store asks to be left alone.
    package let retryAfter: Duration?

    package init(
        _ kind: Kind,
        _ operation: Operation,
        key: String,
        store: String,
        _ detail: String,
        advice: String? = nil,
        storeTime: StoreTime? = nil,
        retryAfter: Duration? = nil
    ) {
        (self.kind, self.operation, self.key, self.store) = (kind, operation, key, store)
        (self.detail, self.advice, self.storeTime, self.retryAfter) = (detail, advice, storeTime, retryAfter)
    }

    package var description: String {
        let subject = key.isEmpty ? "" : " \"\(key)\""
        return "\(operation.rawValue)\(subject) in \(store): \(kind.rawValue): \(detail)"
            + (advice.map { "; \($0)" } ?? "")
    }

    /// The same failure, seen as another kind.
    func of(kind: Kind) -> ObjectStoreError {
        ObjectStoreError(
            kind,
            operation,
            key: key,
            store: store,
            detail,
            advice: advice,
            storeTime: storeTime,
            retryAfter: retryAfter
        )
    }

    /// Whether the same call may succeed later without anybody changing anything.
    package var isPassing: Bool {
        switch kind {
        case .unreachable, .throttled, .unavailable, .ambiguous: true
        default: false
        }
    }
}
