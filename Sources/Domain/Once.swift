/// What a client calls a request that is to take effect once, however often it is sent.
package struct IdempotencyKey: Sendable, Equatable {
    package let text: String
    /// What the request asks for, as a digest: the key under another one is a mistake of the client.
    package let requestDigest: [UInt8]

    package init(text: String, requestDigest: [UInt8]) {
        (self.text, self.requestDigest) = (text, requestDigest)
    }
}

/// The answer to a request, as it is kept for the request's repetitions.
package struct KeptAnswer: Sendable, Equatable {
    package let status: Int
    package let fields: [UInt8]
    package let body: [UInt8]

    package init(status: Int, fields: [UInt8], body: [UInt8]) {
        (self.status, self.fields, self.body) = (status, fields, body)
    }
}

/// Asks for a write to be done once: the answer is kept in the transaction that does it.
///
/// So the two cannot part: after a kill, or on another instance, either both are there or neither is.
package struct Once<Value: Sendable>: Sendable {
    package let key: IdempotencyKey
    /// The answer to keep; nil if nothing was done that may not be done again.
    ///
    /// May be called several times.
    package let answer: @Sendable (Value) -> KeptAnswer?

    package init(_ key: IdempotencyKey, answer: @escaping @Sendable (Value) -> KeptAnswer?) {
        (self.key, self.answer) = (key, answer)
    }
}

/// Thrown instead of doing something again: the answer that it got the first time.
package struct Repetition: Error, Sendable {
    package let answer: KeptAnswer
    /// Whoever has read the log up to here sees what the first request did.
    package let receipt: Receipt?

    package init(_ answer: KeptAnswer, _ receipt: Receipt?) {
        (self.answer, self.receipt) = (answer, receipt)
    }
}
