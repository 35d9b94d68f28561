import Domain
import SQLite

extension Database {
    /// ``write(byteCount:_:)`` for repositories: what a caller may hear about comes out as an ``AppError``.
    func change<Result: Sendable>(
        byteCount: Int = 0,
        _ body: @escaping @Sendable (Connection) throws -> Result
    ) async throws -> Written<Result> {
        do {
            let committed = try await write(byteCount: byteCount, body)
            return Written(committed.value, committed.txid.map(Receipt.init(txid:)))
        } catch let failure as WriteFailure {
            switch failure {
            case .queueFull: throw AppError.unavailable("Too many writes are waiting. Nothing was changed.")
            case .closed: throw AppError.unavailable("The service is shutting down. Nothing was changed.")
            case .expired: throw AppError.unavailable("The write waited too long. Nothing was changed.")
            case .outcomeUnknown:
                throw AppError.outcomeUnknown(
                    "The write took too long and may still be done. Look before you repeat it."
                )
            case .notCommitted(let cause):
                throw AppError.unavailable(
                    "The database did not take the write. Nothing was changed.",
                    cause: "\(cause)"
                )
            }
        } catch let error as SQLiteError where error.isFull {
            throw AppError.unavailable("There is no room for the write. Nothing was changed.", cause: "\(error)")
        }
    }
}
