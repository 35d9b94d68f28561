import Domain
import SQLite

/// The answers that requests with a key got, for a day; the only file that knows the columns of `idempotency_keys`.
struct KeptAnswers {
    /// How many old answers one write removes: more than it adds, so the table shrinks, and few, so no write is slow.
    static let prunedMax = 20

    let connection: Connection
    let now: Timestamp

    /// - Throws: `keyReused` if the key came with another request before.
    func find(_ key: IdempotencyKey) throws -> KeptAnswer? {
        let found: (digest: [UInt8], answer: KeptAnswer)? = try connection.first(
            "SELECT request, status, fields, body FROM idempotency_keys WHERE key = ?1 AND created > datetime(?2, '-1 day')",
            .text(key.text),
            .text(now.text)
        ) { row throws(SQLiteError) in
            let answer = KeptAnswer(status: Int(row.integer(1)), fields: row.blob(2), body: row.blob(3))
            return (row.blob(0), answer)
        }
        guard let found else { return nil }
        guard found.digest == key.requestDigest else {
            throw AppError.keyReused("The Idempotency-Key was used for another request. Nothing was changed.")
        }
        return found.answer
    }

    func keep(_ answer: KeptAnswer, for key: IdempotencyKey) throws {
        try connection.run(
            """
            INSERT OR REPLACE INTO idempotency_keys (key, request, status, fields, body, created)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            """,
            .text(key.text),
            .blob(key.requestDigest),
            .integer(Int64(answer.status)),
            .blob(answer.fields),
            .blob(answer.body),
            .text(now.text)
        )
        try connection.run(
            """
            DELETE FROM idempotency_keys WHERE key IN
            (SELECT key FROM idempotency_keys WHERE created <= datetime(?1, '-1 day') ORDER BY created LIMIT ?2)
            """,
            .text(now.text),
            .integer(Int64(Self.prunedMax))
        )
    }

    /// Whether there is a table at all: a database that is not migrated has none.
    static func exist(in connection: Connection) throws -> Bool {
        try connection.first("SELECT 1 FROM sqlite_schema WHERE name = 'idempotency_keys'") { _ in true } ?? false
    }
}
