/// Something to do: a row of `/tasks`. (`Task` would hide Swift's.)
package struct Todo: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable {
        case todo, doing, done
    }

    package static let titleLengthMax = 500

    package let id: Int64
    package let title: String
    package let status: Status
    package let created: Timestamp
    package let modified: Timestamp

    package init(id: Int64, title: String, status: Status, created: Timestamp, modified: Timestamp) {
        self.id = id
        self.title = title
        self.status = status
        self.created = created
        self.modified = modified
    }
}

/// What a change leaves alone is nil.
package struct TodoChange: Sendable, Equatable {
    package var title: String?
    package var status: Todo.Status?

    package init(title: String? = nil, status: Todo.Status? = nil) {
        self.title = title
        self.status = status
    }
}

/// Which rows of a list are wanted, in the order of their ids.
package struct Page: Sendable, Equatable {
    package static let limits = 1...1000
    package static let limitDefault = 100

    package var after: Int64 = 0
    package var limit = limitDefault

    package init(after: Int64 = 0, limit: Int = limitDefault) {
        self.after = after
        self.limit = limit
    }
}

/// Sees one task of a list.
///
/// The title is lent as UTF-8, for as long as the call takes: a list of a hundred makes no hundred strings.
package typealias TodoVisitor = (
    _ id: Int64, _ title: Span<UInt8>, _ status: Todo.Status, _ created: Timestamp
) -> Void

/// Keeps tasks.
///
/// Every method throws what storage has to say; a write that is refused for lack of room or time throws
/// ``AppError/Code/unavailable`` or ``AppError/Code/outcomeUnknown``.
package protocol TodoRepository: Sendable {
    /// - Returns: The new task's id.
    /// - Throws: A ``Repetition`` if `once` says that it was done before.
    func create(title: String, once: Once<Int64>?) async throws -> Written<Int64>
    func find(_ id: Int64) throws -> Todo?
    /// Shows the tasks of a page one by one, and says whether there are more after them.
    func list(_ page: Page, status: Todo.Status?, _ visit: TodoVisitor) throws -> Bool
    /// - Returns: The task as it is after the change; nil if there is none.
    func update(_ id: Int64, _ change: TodoChange) async throws -> Written<Todo?>
    /// - Returns: The task as it was; nil if there is none.
    func delete(_ id: Int64) async throws -> Written<Todo?>
}
