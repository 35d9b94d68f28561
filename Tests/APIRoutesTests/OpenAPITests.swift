import APIRoutes
import Domain
import FoundationEssentials
import HTTP
import Logging
import Metrics
import Pages
import Testing

/// What the OpenAPI document says of the API, which is written by hand, against what the API does.
@Suite struct OpenAPITests {
    private static var routes: [(method: HTTP.Method, pattern: String)] {
        let logger = Logger(level: .error, format: .json, descriptor: -1)
        let (todos, users, pastes) = (NoTodos(), NoUsers(), NoPastes())
        return API(
            todos: todos,
            users: users,
            pastes: pastes,
            readiness: { .notReady("") },
            status: { ServiceStatus(instanceID: "", durability: "local", uptime: .zero) },
            metrics: Registry(),
            logger: logger
        ).routes
    }

    @Test func `every route is in the document, and the document has no other`() throws {
        // The pages' own parts are no operations of the API.
        let routed = Self.routes.filter { !$0.pattern.hasPrefix("/assets/") }.map { "\($0.method.name) \($0.pattern)" }
        #expect(try Document.current.operations.sorted() == routed.sorted())
    }

    @Test func `no route hides a paste, whose id could be spelled like it`() {
        #expect(Self.routes.contains { $0.pattern == "/{id}" })
        for route in Self.routes {
            let first = route.pattern.split(separator: "/").first ?? ""
            #expect(!Paste.isID(String(first)), "\(route.pattern)")
        }
    }

    @Test func `every kind of problem is in the document as it is answered, and no other is`() throws {
        let answered = ProblemType.allCases.map {
            Document.Problem(slug: $0.rawValue, status: $0.status.code, title: $0.title)
        }
        #expect(try Document.current.problems == answered)
    }

    @Test func `the document and the program have the same version`() throws {
        #expect(try Document.current.info.version == Version.current)
    }
}

private struct Document: Decodable {
    struct Info: Decodable {
        let version: String
    }

    struct Problem: Decodable, Equatable {
        let slug: String
        let status: Int
        let title: String
    }

    /// The keys of an object, whatever their values are.
    struct Keys: Decodable {
        let names: [String]

        init(from decoder: any Decoder) throws {
            names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue)
        }
    }

    struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }

        init?(intValue: Int) { nil }
    }

    enum CodingKeys: String, CodingKey {
        case info, paths
        case problems = "x-problems"
    }

    let info: Info
    let paths: [String: Keys]
    let problems: [Problem]

    static var current: Document {
        get throws { try JSONDecoder().decode(Document.self, from: Data(Pages.openapiJSON)) }
    }

    /// As `GET /tasks`.
    var operations: [String] {
        paths.flatMap { path, keys in
            keys.names.filter { $0 != "parameters" }.map { "\($0.uppercased()) \(path)" }
        }
    }
}
