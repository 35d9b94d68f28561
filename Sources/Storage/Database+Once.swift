import Domain
import SQLite

extension Database {
    /// ``change(byteCount:_:)`` that is done once for each key.
    ///
    /// - Throws: A ``Repetition`` if it was done before.
    func change<Result: Sendable>(
        byteCount: Int = 0,
        once: Once<Result>?,
        _ now: @escaping @Sendable () -> Timestamp,
        _ body: @escaping @Sendable (Connection) throws -> Result
    ) async throws -> Written<Result> {
        guard let once else { return try await change(byteCount: byteCount, body) }
        let written = try await change(byteCount: byteCount) { connection -> Outcome<Result> in
            guard try KeptAnswers.exist(in: connection) else {
                throw AppError.unavailable(
                    "Idempotency-Key works once all migrations are applied. Nothing was changed."
                )
            }
            let kept = KeptAnswers(connection: connection, now: now())
            if let answer = try kept.find(once.key) { return .repeated(answer) }
            let result = try body(connection)
            if let answer = once.answer(result) { try kept.keep(answer, for: once.key) }
            return .done(result)
        }
        switch written.value {
        case .done(let result): return Written(result, written.receipt)
        case .repeated(let answer): throw Repetition(answer, written.receipt)
        }
    }
}

private enum Outcome<Value: Sendable>: Sendable {
    case done(Value)
    case repeated(KeptAnswer)
}
