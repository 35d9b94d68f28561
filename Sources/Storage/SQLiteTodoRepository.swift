package import Domain
package import SQLite

/// Keeps tasks in SQLite; the only file that knows the columns of `tasks`.
package struct SQLiteTodoRepository: TodoRepository {
    private let database: Database
    private let now: @Sendable () -> Timestamp

    package init(_ database: Database, now: @escaping @Sendable () -> Timestamp) {
        self.database = database
        self.now = now
    }

    package func create(title: String) async throws -> Int64 {
        try await database.change { [now] connection in
            let time = Value.text(now().text)
            try connection.run("INSERT INTO tasks (title, created, modified) VALUES (?1, ?2, ?2)", .text(title), time)
            return connection.lastInsertedID
        }
    }

    package func find(_ id: Int64) throws -> Todo? {
        try database.read { connection in try Self.find(id, connection) }
    }

    package func list(_ page: Page, status: Todo.Status?, _ visit: (Todo) -> Void) throws -> Bool {
        try database.read { connection in
            var count = 0
            let row = { (row: borrowing Row) throws(SQLiteError) in
                count += 1
                if count <= page.limit { visit(try Self.todo(row)) }
            }
            // One row more than wanted tells whether there are more.
            let (after, limit) = (Value.integer(page.after), Value.integer(Int64(page.limit) + 1))
            if let status {
                try connection.query(
                    """
                    SELECT id, title, status, created, modified FROM tasks
                    WHERE status = ?3 AND id > ?1 ORDER BY id LIMIT ?2
                    """,
                    after,
                    limit,
                    .text(status.rawValue),
                    row: row
                )
            } else {
                try connection.query(
                    "SELECT id, title, status, created, modified FROM tasks WHERE id > ?1 ORDER BY id LIMIT ?2",
                    after,
                    limit,
                    row: row
                )
            }
            return count > page.limit
        }
    }

    package func update(_ id: Int64, _ change: TodoChange) async throws -> Todo? {
        try await database.change { [now] connection in
            try connection.run(
                """
                UPDATE tasks SET title = coalesce(?2, title), status = coalesce(?3, status), modified = ?4
                WHERE id = ?1
                """,
                .integer(id),
                .text(change.title),
                .text(change.status?.rawValue),
                .text(now().text)
            )
            return try Self.find(id, connection)
        }
    }

    package func delete(_ id: Int64) async throws -> Todo? {
        try await database.change { connection in
            guard let todo = try Self.find(id, connection) else { return nil }
            try connection.run("DELETE FROM tasks WHERE id = ?1", .integer(id))
            return todo
        }
    }

    private static func find(_ id: Int64, _ connection: Connection) throws -> Todo? {
        try connection.first(
            "SELECT id, title, status, created, modified FROM tasks WHERE id = ?1",
            .integer(id)
        ) { row throws(SQLiteError) in try todo(row) }
    }

    @inline(__always)
    private static func todo(_ row: borrowing Row) throws(SQLiteError) -> Todo {
        guard let status = Todo.Status(rawValue: row.text(2)) else { throw .unreadable("tasks.status is unknown") }
        return Todo(
            id: row.integer(0),
            title: row.text(1),
            status: status,
            created: try row.timestamp(3),
            modified: try row.timestamp(4)
        )
    }
}
