import HTTP
import Testing

struct RouterTests {
    private static let router = {
        var router = Router<String>()
        for (method, pattern) in [
            (Method.get, "/"), (.put, "/"), (.get, "/tasks"), (.post, "/tasks"), (.get, "/tasks/{id}"),
            (.patch, "/tasks/{id}"), (.get, "/tasks/new"), (.get, "/{paste}"), (.get, "/users/{user}/tasks/{task}"),
            (.get, "/users/{name}"), (.delete, "/only"),
        ] {
            router.add(method, pattern, "\(method.name) \(pattern)")
        }
        return router
    }()

    /// The endpoint with its parameters, the allowed methods, or nothing.
    private func outcome(_ method: String, _ path: String, _ names: String...) -> String {
        switch Self.router.match(Method(method), path) {
        case .found(let endpoint, let parameters):
            ([endpoint] + names.map { "\($0)=\(parameters[$0])" }).joined(separator: " ")
        case .methodNotAllowed(let methods): "405 " + methods.map(\.name).joined(separator: ",")
        case .notFound: "404"
        }
    }

    @Test func `a literal wins over a parameter wherever it was added`() {
        #expect(outcome("GET", "/tasks/new") == "GET /tasks/new")
        #expect(outcome("GET", "/tasks/news", "id") == "GET /tasks/{id} id=news")
        #expect(outcome("GET", "/tasks") == "GET /tasks")
        #expect(outcome("GET", "/task", "paste") == "GET /{paste} paste=task")
    }

    @Test func `parameters have the names of the pattern that matched`() {
        #expect(outcome("GET", "/users/7", "name") == "GET /users/{name} name=7")
        #expect(outcome("GET", "/users/7/tasks/8", "user", "task") == "GET /users/{user}/tasks/{task} user=7 task=8")
    }

    @Test func `a parameter is kept as it was sent`() {
        #expect(outcome("GET", "/tasks/%2F%20+é", "id") == "GET /tasks/{id} id=%2F%20+é")
    }

    @Test(arguments: [
        "/tasks/", "/tasks/1/", "//", "//tasks", "/users//tasks/1", "/users", "/users/", "/a/b", "", "*", "tasks",
    ])
    func `another path is not found`(path: String) {
        #expect(outcome("GET", path) == "404")
    }

    @Test func `another method is answered with those that are allowed`() {
        #expect(outcome("DELETE", "/tasks") == "405 GET,POST,HEAD,OPTIONS")
        #expect(outcome("PUT", "/tasks/1") == "405 GET,PATCH,HEAD,OPTIONS")
        #expect(outcome("OPTIONS", "/") == "405 GET,PUT,HEAD,OPTIONS")
        #expect(outcome("BREW", "/only") == "405 DELETE,OPTIONS")
        #expect(outcome("get", "/only") == "405 DELETE,OPTIONS")
    }

    @Test func `HEAD finds what GET finds and nothing else`() {
        #expect(outcome("HEAD", "/tasks") == "GET /tasks")
        #expect(outcome("HEAD", "/tasks/1", "id") == "GET /tasks/{id} id=1")
        #expect(outcome("HEAD", "/only") == "405 DELETE,OPTIONS")
    }

    @Test func `the routes are told in the order in which they were added`() {
        let routes = Self.router.routes.map { "\($0.method.name) \($0.pattern)" }
        #expect(routes.prefix(4) == ["GET /", "PUT /", "GET /tasks", "POST /tasks"])
        #expect(routes.count == 11)
    }
}
