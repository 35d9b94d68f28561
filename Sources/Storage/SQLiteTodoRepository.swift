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

    package func create(title: String, once: Once<Int64>? = nil) async throws -> Written<Int64> {
        try await database.change(once: once, now) { [now] connection in
            let time = Value.text(now().text)
            try connection.run("INSERT INTO tasks (title, created, modified) VALUES (?1, ?2, ?2)", .text(title), time)
            return connection.lastInsertedID
        }
    }

    package func find(_ id: Int64) throws -> Todo? {
        try database.read { connection in try Self.find(id, connection) }
    }

    package func list(_ page: Page, status: Todo.Status?, _ visit: TodoVisitor) throws -> Bool {
        try database.read { connection in
            var count = 0
            let row = { (row: borrowing Row) throws(SQLiteError) in
                count += 1
                guard count <= page.limit else { return }
                let (id, status, created) = (row.integer(0), try Self.status(row, 2), try row.timestamp(3))
                row.withBytes(1) { title in visit(id, title, status, created) }
            }
            // One row more than wanted tells whether there are more.
            let (after, limit) = (Value.integer(page.after), Value.integer(Int64(page.limit) + 1))
            if let status {
                try connection.query(
                    """
                    SELECT id, title, status, created FROM tasks WHERE status = ?3 AND id > ?1 ORDER BY id LIMIT ?2
                    """,
                    after,
                    limit,
                    .text(status.rawValue),
                    row: row
                )
            } else {
                try connection.query(
                    "SELECT id, title, status, created FROM tasks WHERE id > ?1 ORDER BY id LIMIT ?2",
                    after,
                    limit,
                    row: row
                )
            }
            return count > page.limit
        }
    }

    package func update(_ id: Int64, _ change: TodoChange) async throws -> Written<Todo?> {
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

    package func delete(_ id: Int64) async throws -> Written<Todo?> {
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

    private static func todo(_ row: borrowing Row) throws(SQLiteError) -> Todo {
        Todo(
            id: row.integer(0),
            title: row.text(1),
            status: try status(row, 2),
            created: try row.timestamp(3),
            modified: try row.timestamp(4)
        )
    }

    /// Told apart without making a `String`: a list does this for every row.
    private static func status(_ row: borrowing Row, _ column: Int32) throws(SQLiteError) -> Todo.Status {
        var found: Todo.Status?
        row.withBytes(column) { text in
            found = Todo.Status.allCases.first { status in
                let name = status.rawValue.utf8.span
                guard name.count == text.count else { return false }
                for index in name.indices where name[index] != text[index] { return false }
                return true
            }
        }
        guard let found else { throw .unreadable("tasks.status is unknown") }
        return found
    }
}
