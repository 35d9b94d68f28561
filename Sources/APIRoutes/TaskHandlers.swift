import Domain
import HTTP
import JSON

/// Turns HTTP into domain calls and back for `/tasks`.
struct TaskHandlers: Sendable {
    let todos: any TodoRepository

    private struct Body: Decodable {
        let title: Field<String>
        let status: Field<String>
    }

    func add(to routes: inout RouteTable) {
        routes.add(.get, "/tasks", Route(readsData: true, respond: list))
        routes.add(.post, "/tasks", Route(respond: create))
        routes.add(.get, "/tasks/{id}", Route(readsData: true, respond: show))
        routes.add(.put, "/tasks/{id}", Route { try await update($0, isWhole: true) })
        routes.add(.patch, "/tasks/{id}", Route { try await update($0, isWhole: false) })
        routes.add(.delete, "/tasks/{id}", Route(respond: delete))
    }

    @Sendable private func list(_ routed: RoutedRequest) async throws -> Response {
        let query = Query(routed.request.head.query)
        let page = try query.page()
        let status = try query.value("status").map { text in
            guard let status = Todo.Status(rawValue: text) else {
                throw AppError.malformed("The parameter status must be todo, doing or done.")
            }
            return status
        }
        var json = JSONWriter(capacity: 8192)
        var lastID = page.after
        json.beginArray()
        let hasMore = try todos.list(page, status: status) { id, title, status, created in
            json.beginObject()
            json.key("id")
            json.integer(id)
            json.key("title")
            json.string(utf8: title)
            json.key("status")
            json.plain(status.word)
            json.key("created")
            json.plain(created.append)
            json.endObject()
            lastID = id
        }
        json.endArray()
        var response = Response.json(.ok, json)
        if hasMore {
            response.addNextLink("/tasks", filter: status.map { "status=\($0.rawValue)" }, page: page, lastID: lastID)
        }
        return response
    }

    @Sendable private func create(_ routed: RoutedRequest) async throws -> Response {
        let body = try routed.request.decode(Body.self)
        var validator = Validator()
        let title = validator.text(body.title, "title", lengthMax: Todo.titleLengthMax, isRequired: true)
        try validator.finish()
        let once = try routed.once(answer: Self.created)
        let written = try await todos.create(title: title ?? "", once: once)
        var response = Self.created(written.value)
        response.add(written.receipt)
        return response
    }

    @Sendable private static func created(_ id: Int64) -> Response {
        var json = JSONWriter()
        json.beginObject()
        json.key("id")
        json.integer(id)
        json.endObject()
        var response = Response.json(.created, json)
        response.add("Location", "/tasks/\(id)")
        return response
    }

    @Sendable private func show(_ routed: RoutedRequest) async throws -> Response {
        guard let todo = try todos.find(try routed.id()) else { throw routed.notFound() }
        return answer(todo)
    }

    private func update(_ routed: RoutedRequest, isWhole: Bool) async throws -> Response {
        let id = try routed.id()
        let body = try routed.request.decode(Body.self)
        var validator = Validator()
        let change = TodoChange(
            title: validator.text(body.title, "title", lengthMax: Todo.titleLengthMax, isRequired: isWhole),
            status: validator.status(body.status, "status", isRequired: isWhole)
        )
        try validator.finish()
        return try answer(routed, try await todos.update(id, change))
    }

    @Sendable private func delete(_ routed: RoutedRequest) async throws -> Response {
        try answer(routed, try await todos.delete(try routed.id()))
    }

    private func answer(_ routed: RoutedRequest, _ written: Written<Todo?>) throws -> Response {
        guard let todo = written.value else { throw routed.notFound() }
        var response = answer(todo)
        response.add(written.receipt)
        return response
    }

    private func answer(_ todo: Todo) -> Response {
        var json = JSONWriter()
        json.beginObject()
        json.key("id")
        json.integer(todo.id)
        json.key("title")
        json.string(todo.title)
        json.key("status")
        json.plain(todo.status.word)
        json.key("created")
        json.plain(todo.created.append)
        json.key("modified")
        json.plain(todo.modified.append)
        json.endObject()
        return .json(.ok, json)
    }
}

extension Todo.Status {
    /// A literal, which is written without a look at its characters.
    fileprivate var word: StaticString {
        switch self {
        case .todo: "todo"
        case .doing: "doing"
        case .done: "done"
        }
    }
}
