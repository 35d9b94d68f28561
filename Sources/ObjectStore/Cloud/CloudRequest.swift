internal import HTTPClient

/// One request to a cloud store, before it is signed.
struct CloudRequest: Sendable {
    let operation: ObjectStoreError.Operation
    /// The caller's key, for messages.
    let key: String
    let effect: RequestEffect
    let method: ClientRequest.Method
    /// Scheme, host and port, without a slash at the end.
    let origin: String
    /// Percent-encoded.
    let path: String
    /// As it is meant: encoded when it is sent.
    var query: [(name: String, value: String)]
    /// Names in lower case.
    var headers: [(name: String, value: String)]
    let body: [UInt8]
    let answerBytesMax: Int

    /// Enough for a page of a thousand keys of the longest kind, each byte of them percent-encoded.
    static let listingBytesMax = 8 << 20
    /// Enough for what a service says when it refuses.
    static let refusalBytesMax = 1 << 20

    init(
        _ operation: ObjectStoreError.Operation,
        key: String,
        _ effect: RequestEffect,
        _ method: ClientRequest.Method,
        origin: String,
        path: String,
        query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        answerBytesMax: Int = refusalBytesMax
    ) {
        (self.operation, self.key, self.effect, self.method) = (operation, key, effect, method)
        (self.origin, self.path, self.query, self.headers) = (origin, path, query, headers)
        (self.body, self.answerBytesMax) = (body, answerBytesMax)
    }

    /// What the `Host` header will be.
    var host: String { origin.split(separator: "/").last.map(String.init) ?? origin }

    /// The query as it is sent, and as signatures want it: sorted by its encoded bytes.
    var encodedQuery: String {
        query.map { (PercentEncoding.component($0.name), PercentEncoding.component($0.value)) }
            .sorted { $0.0 == $1.0 ? isOrdered($0.1, before: $1.1) : isOrdered($0.0, before: $1.0) }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    var url: String { origin + path + (query.isEmpty ? "" : "?\(encodedQuery)") }
}

/// Proves to a store who asks.
protocol RequestAuthorizer: Sendable {
    /// The request with everything that the proof adds to it, for a request that is sent at `time`.
    func authorize(_ request: CloudRequest, at time: StoreTime) async throws(CredentialError) -> CloudRequest

    /// The store says that the credentials are no longer good; true when the next request will have others.
    func renew() async -> Bool
}

/// What an answer means that is not the one hoped for.
struct Rejection: Sendable, Equatable {
    enum Remedy: Sendable, Equatable {
        case none
        /// Once per call: with fresh credentials it may work.
        case renewCredentials
        /// Once per call: whoever judged the answer has learned something that makes it work.
        case repeatAtOnce
    }

    let kind: ObjectStoreError.Kind
    /// The store's own words.
    let detail: String
    var advice: String?
    var remedy = Remedy.none

    init(_ kind: ObjectStoreError.Kind, _ detail: String, advice: String? = nil, remedy: Remedy = .none) {
        (self.kind, self.detail, self.advice, self.remedy) = (kind, detail, advice, remedy)
    }
}
