import Domain
import HTTP
import JSON

/// Turns HTTP into domain calls and back for `/users`.
struct UserHandlers: Sendable {
    let users: any UserRepository

    private struct Body: Decodable {
        let first_name: Field<String>  // swift-format-ignore: AlwaysUseLowerCamelCase
        let last_name: Field<String>  // swift-format-ignore: AlwaysUseLowerCamelCase
    }

    func add(to routes: inout RouteTable) {
        routes.add(.get, "/users", Route(readsData: true, respond: list))
        routes.add(.post, "/users", Route(respond: create))
        routes.add(.get, "/users/{id}", Route(readsData: true, respond: show))
        routes.add(.put, "/users/{id}", Route(respond: update))
        routes.add(.patch, "/users/{id}", Route(respond: update))
        routes.add(.delete, "/users/{id}", Route(respond: delete))
    }

    @Sendable private func list(_ routed: RoutedRequest) async throws -> Response {
        let page = try Query(routed.request.head.query).page()
        var json = JSONWriter(capacity: 8192)
        var lastID = page.after
        json.beginArray()
        let hasMore = try users.list(page) { user in
            json.user(user)
            lastID = user.id
        }
        json.endArray()
        var response = Response.json(.ok, json)
        if hasMore { response.addNextLink("/users", page: page, lastID: lastID) }
        return response
    }

    @Sendable private func create(_ routed: RoutedRequest) async throws -> Response {
        let (firstName, lastName) = try names(routed.request, isNew: true)
        let once = try routed.once(answer: Self.created)
        let written = try await users.create(firstName: firstName ?? "", lastName: lastName ?? nil, once: once)
        var response = Self.created(written.value)
        response.add(written.receipt)
        return response
    }

    @Sendable private static func created(_ user: User) -> Response {
        var response = answer(.created, user)
        response.add("Location", "/users/\(user.id)")
        return response
    }

    @Sendable private func show(_ routed: RoutedRequest) async throws -> Response {
        guard let user = try users.find(try routed.id()) else { throw routed.notFound() }
        return Self.answer(.ok, user)
    }

    @Sendable private func update(_ routed: RoutedRequest) async throws -> Response {
        let id = try routed.id()
        let (firstName, lastName) = try names(routed.request, isNew: false)
        return try answer(routed, try await users.update(id, UserChange(firstName: firstName, lastName: lastName)))
    }

    @Sendable private func delete(_ routed: RoutedRequest) async throws -> Response {
        try answer(routed, try await users.delete(try routed.id()))
    }

    /// - Returns: A last name that is nil was not there; one that is there and nil was null.
    private func names(_ request: Request, isNew: Bool) throws -> (first: String?, last: String??) {
        let body = try request.decode(Body.self)
        var validator = Validator()
        let lengthMax = User.nameLengthMax
        let first = validator.text(body.first_name, "first_name", lengthMax: lengthMax, isRequired: isNew)
        var last: String??
        if case .null = body.last_name {
            last = .some(nil)
        } else if let text = validator.text(body.last_name, "last_name", lengthMax: lengthMax, isRequired: false) {
            last = text
        }
        try validator.finish()
        return (first, last)
    }

    private func answer(_ routed: RoutedRequest, _ written: Written<User?>) throws -> Response {
        guard let user = written.value else { throw routed.notFound() }
        var response = Self.answer(.ok, user)
        response.add(written.receipt)
        return response
    }

    private static func answer(_ status: Status, _ user: User) -> Response {
        var json = JSONWriter()
        json.user(user)
        return .json(status, json)
    }
}

extension JSONWriter {
    fileprivate mutating func user(_ user: User) {
        beginObject()
        key("id")
        integer(user.id)
        key("first_name")
        string(user.firstName)
        key("last_name")
        if let lastName = user.lastName { string(lastName) } else { null() }
        key("created_at")
        plain(user.created.append)
        key("updated_at")
        plain(user.updated.append)
        endObject()
    }
}
