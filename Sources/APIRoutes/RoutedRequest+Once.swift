import Crypto
import Domain
import HTTP

extension RoutedRequest {
    private static let keyLengthMax = 255

    /// What keeps the answer, if the client gave the request a key.
    ///
    /// - Parameters:
    ///   - content: What the client sends, if that is not the body as it came: a form has another boundary each time.
    ///   - answer: The answer, but for what only its sending adds.
    /// - Returns: Nil if the request has no key.
    /// - Throws: `malformed` for a key that is none.
    func once<Value>(
        content: [UInt8]? = nil,
        answer: @escaping @Sendable (Value) -> Response?
    ) throws -> Once<Value>? {
        guard let text = request.headers.first("idempotency-key") else { return nil }
        // What was not UTF-8 comes as U+FFFD, by which two keys would be one.
        let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0 != "\u{FFFD}" }
        guard (1...Self.keyLengthMax).contains(text.unicodeScalars.count), isPlain else {
            throw AppError.malformed(
                "Idempotency-Key must have 1 to \(Self.keyLengthMax) characters, none of them a control character."
            )
        }
        var digest = try Digest(.sha256)
        let line = Array("\(request.method.name) \(request.path)\n".utf8)
        try digest.update(line.span)
        let content = content ?? request.body
        try digest.update(content.span)
        return Once(IdempotencyKey(text: text, requestDigest: try digest.finish())) { value in
            answer(value).map { KeptAnswer(status: $0.status.code, fields: $0.fields, body: $0.body) }
        }
    }
}

extension Response {
    /// What was answered the first time, and that it is not the first time.
    init(_ repetition: Repetition) throws {
        let answer = repetition.answer
        guard let status = Status(code: answer.status) else { throw UnknownStatus(code: answer.status) }
        self.init(status, fields: answer.fields, body: answer.body)
        add("Idempotency-Replayed", "true")
        add(repetition.receipt)
    }
}

/// An answer was kept that this program never gives.
private struct UnknownStatus: Error {
    let code: Int
}
