import Domain

struct NotAsked: Error {}

/// Repositories that nobody may ask.
struct NoTodos: TodoRepository {
    func create(title: String, once: Once<Int64>?) async throws -> Written<Int64> { throw NotAsked() }
    func find(_ id: Int64) throws -> Todo? { throw NotAsked() }
    func list(_ page: Page, status: Todo.Status?, _ visit: TodoVisitor) throws -> Bool { throw NotAsked() }
    func update(_ id: Int64, _ change: TodoChange) async throws -> Written<Todo?> { throw NotAsked() }
    func delete(_ id: Int64) async throws -> Written<Todo?> { throw NotAsked() }
}

struct NoUsers: UserRepository {
    func create(firstName: String, lastName: String?, once: Once<User>?) async throws -> Written<User> {
        throw NotAsked()
    }
    func find(_ id: Int64) throws -> User? { throw NotAsked() }
    func list(_ page: Page, _ visit: (User) -> Void) throws -> Bool { throw NotAsked() }
    func update(_ id: Int64, _ change: UserChange) async throws -> Written<User?> { throw NotAsked() }
    func delete(_ id: Int64) async throws -> Written<User?> { throw NotAsked() }
}

struct NoPastes: PasteRepository {
    func create(_ paste: Paste, once: Once<Bool>?) async throws -> Written<Bool> { throw NotAsked() }
    func find(_ id: String) throws -> Paste? { throw NotAsked() }
}
