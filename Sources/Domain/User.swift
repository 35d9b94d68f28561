/// A person: a row of `/users`.
package struct User: Sendable, Equatable {
    package static let nameLengthMax = 200

    package let id: Int64
    package let firstName: String
    package let lastName: String?
    package let created: Timestamp
    package let updated: Timestamp

    package init(id: Int64, firstName: String, lastName: String?, created: Timestamp, updated: Timestamp) {
        self.id = id
        self.firstName = firstName
        self.lastName = lastName
        self.created = created
        self.updated = updated
    }
}

/// What a change leaves alone is nil; a last name may be taken away, so it has one level more.
package struct UserChange: Sendable, Equatable {
    package var firstName: String?
    package var lastName: String??

    package init(firstName: String? = nil, lastName: String?? = nil) {
        self.firstName = firstName
        self.lastName = lastName
    }
}

/// Keeps users; errors as in ``TodoRepository``.
package protocol UserRepository: Sendable {
    /// - Throws: A ``Repetition`` if `once` says that it was done before.
    func create(firstName: String, lastName: String?, once: Once<User>?) async throws -> Written<User>
    func find(_ id: Int64) throws -> User?
    /// - Returns: Whether there are more after the page.
    func list(_ page: Page, _ visit: (User) -> Void) throws -> Bool
    func update(_ id: Int64, _ change: UserChange) async throws -> Written<User?>
    func delete(_ id: Int64) async throws -> Written<User?>
}
