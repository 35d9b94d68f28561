package import Domain
package import SQLite

/// Keeps users in SQLite; the only file that knows the columns of `users`.
package struct SQLiteUserRepository: UserRepository {
    private let database: Database
    private let now: @Sendable () -> Timestamp

    package init(_ database: Database, now: @escaping @Sendable () -> Timestamp) {
        self.database = database
        self.now = now
    }

    package func create(
        firstName: String,
        lastName: String?,
        once: Once<User>? = nil
    ) async throws -> Written<User> {
        try await database.change(once: once, now) { [now] connection in
            let time = now()
            try connection.run(
                "INSERT INTO users (first_name, last_name, created_at, updated_at) VALUES (?1, ?2, ?3, ?3)",
                .text(firstName),
                .text(lastName),
                .text(time.text)
            )
            let id = connection.lastInsertedID
            return User(id: id, firstName: firstName, lastName: lastName, created: time, updated: time)
        }
    }

    package func find(_ id: Int64) throws -> User? {
        try database.read { connection in try Self.find(id, connection) }
    }

    package func list(_ page: Page, _ visit: (User) -> Void) throws -> Bool {
        try database.read { connection in
            var count = 0
            try connection.query(
                """
                SELECT id, first_name, last_name, created_at, updated_at FROM users
                WHERE id > ?1 ORDER BY id LIMIT ?2
                """,
                .integer(page.after),
                .integer(Int64(page.limit) + 1)
            ) { row throws(SQLiteError) in
                count += 1
                if count <= page.limit { visit(try Self.user(row)) }
            }
            return count > page.limit
        }
    }

    package func update(_ id: Int64, _ change: UserChange) async throws -> Written<User?> {
        try await database.change { [now] connection in
            let (changesLastName, lastName) = change.lastName.map { (true, $0) } ?? (false, nil)
            try connection.run(
                """
                UPDATE users SET first_name = coalesce(?2, first_name), last_name = iif(?3, ?4, last_name),
                updated_at = ?5 WHERE id = ?1
                """,
                .integer(id),
                .text(change.firstName),
                .integer(changesLastName ? 1 : 0),
                .text(lastName),
                .text(now().text)
            )
            return try Self.find(id, connection)
        }
    }

    package func delete(_ id: Int64) async throws -> Written<User?> {
        try await database.change { connection in
            guard let user = try Self.find(id, connection) else { return nil }
            try connection.run("DELETE FROM users WHERE id = ?1", .integer(id))
            return user
        }
    }

    private static func find(_ id: Int64, _ connection: Connection) throws -> User? {
        try connection.first(
            "SELECT id, first_name, last_name, created_at, updated_at FROM users WHERE id = ?1",
            .integer(id)
        ) { row throws(SQLiteError) in try user(row) }
    }

    private static func user(_ row: borrowing Row) throws(SQLiteError) -> User {
        User(
            id: row.integer(0),
            firstName: row.text(1),
            lastName: row.textOrNull(2),
            created: try row.timestamp(3),
            updated: try row.timestamp(4)
        )
    }
}
