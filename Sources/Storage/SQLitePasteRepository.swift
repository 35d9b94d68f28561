package import Domain
package import SQLite

/// Keeps pastes in SQLite; the only file that knows the columns of `pastes`.
package struct SQLitePasteRepository: PasteRepository {
    private let database: Database
    private let now: @Sendable () -> Timestamp

    package init(_ database: Database, now: @escaping @Sendable () -> Timestamp) {
        self.database = database
        self.now = now
    }

    package func create(_ paste: Paste, once: Once<Bool>? = nil) async throws -> Written<Bool> {
        try await database.change(byteCount: paste.contents.count, once: once, now) { [now] connection in
            let count = try connection.run(
                "INSERT INTO pastes (id, contents, created) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
                .text(paste.id),
                .blob(paste.contents),
                .text(now().text)
            )
            return count == 1
        }
    }

    package func find(_ id: String) throws -> Paste? {
        try database.read { connection in
            try connection.first("SELECT contents FROM pastes WHERE id = ?1", .text(id)) { row throws(SQLiteError) in
                Paste(id: id, contents: row.blob(0))
            }
        }
    }
}
