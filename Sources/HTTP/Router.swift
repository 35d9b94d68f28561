/// The values of a path's `{name}` segments.
package struct PathParameters: Sendable {
    fileprivate var values: [String] = []
    fileprivate var names: [String] = []

    /// The value of a segment that the matched pattern names.
    package subscript(name: String) -> String {
        guard let index = names.firstIndex(of: name) else {
            preconditionFailure("no segment {\(name)} in this route's pattern")
        }
        return values[index]
    }
}

/// Finds what answers a method and a path.
///
/// A literal segment wins over `{name}`, for good: there is no way back when what follows it does not match, or when it
/// does not know the method. So a literal hides the value of a `{name}` that is spelled like it; give such values a form
/// that no literal has. A trailing slash makes another path. HEAD is answered by what answers GET.
package struct Router<Endpoint: Sendable>: Sendable {
    package enum Match: Sendable {
        case found(Endpoint, PathParameters)
        case methodNotAllowed([Method])
        case notFound
    }

    private var tree = PathTree()
    private var endpoints: [Endpoint] = []

    package init() {}

    /// All routes as they were added, for whoever compares them with the documentation.
    package private(set) var routes: [(method: Method, pattern: String)] = []

    /// Adds a route; in the pattern `/tasks/{id}` a segment in braces stands for any one segment that is not empty.
    package mutating func add(_ method: Method, _ pattern: String, _ endpoint: Endpoint) {
        tree.add(method, pattern, index: endpoints.count)
        endpoints.append(endpoint)
        routes.append((method, pattern))
    }

    package func match(_ method: Method, _ path: String) -> Match {
        switch tree.match(method, path) {
        case .found(let index, let parameters): .found(endpoints[index], parameters)
        case .methodNotAllowed(let methods): .methodNotAllowed(methods)
        case .notFound: .notFound
        }
    }
}

/// The patterns, segment by segment; knows routes by their number, so that the search itself is not generic.
private struct PathTree: Sendable {
    enum Match {
        case found(Int, PathParameters)
        case methodNotAllowed([Method])
        case notFound
    }

    private struct Node: Sendable {
        var literals: [(segment: String, node: Int)] = []
        var parameter: Int?
        var parameterNames: [String] = []
        var routes: [(method: Method, index: Int)] = []
    }

    private var nodes = [Node()]

    mutating func add(_ method: Method, _ pattern: String, index route: Int) {
        var index = 0
        var names: [String] = []
        for segment in Segments(pattern) {
            if segment.hasPrefix("{") {
                names.append(String(segment.dropFirst().dropLast()))
                index = nodes[index].parameter ?? appendNode { nodes, new in nodes[index].parameter = new }
            } else if let known = literal(segment, in: nodes[index]) {
                index = known
            } else {
                let literal = String(segment)
                index = appendNode { nodes, new in nodes[index].literals.append((literal, new)) }
            }
        }
        precondition(!nodes[index].routes.contains { $0.method == method }, "\(method.name) \(pattern) twice")
        nodes[index].routes.append((method, route))
        nodes[index].parameterNames = names
    }

    func match(_ method: Method, _ path: String) -> Match {
        guard path.utf8.first == UInt8(ascii: "/") else { return .notFound }
        var index = 0
        var parameters = PathParameters()
        for segment in Segments(path) {
            if let next = literal(segment, in: nodes[index]) {
                index = next
            } else if let next = nodes[index].parameter, !segment.isEmpty {
                parameters.values.append(String(segment))
                index = next
            } else {
                return .notFound
            }
        }
        let routes = nodes[index].routes
        guard !routes.isEmpty else { return .notFound }
        let wanted = method == .head ? .get : method
        for route in routes where route.method == wanted {
            parameters.names = nodes[index].parameterNames
            return .found(route.index, parameters)
        }
        return .methodNotAllowed(allowed(routes.map(\.method)))
    }

    private func allowed(_ methods: [Method]) -> [Method] {
        methods + (methods.contains(.get) ? [.head] : []) + [.options]
    }

    private func literal(_ segment: Substring, in node: Node) -> Int? {
        for (literal, index) in node.literals where literal.utf8.elementsEqual(segment.utf8) { return index }
        return nil
    }

    private mutating func appendNode(_ link: (inout [Node], Int) -> Void) -> Int {
        nodes.append(Node())
        link(&nodes, nodes.count - 1)
        return nodes.count - 1
    }
}

/// The segments of a path after its leading slash.
private struct Segments: Sequence, IteratorProtocol {
    private let path: Substring.UTF8View
    private var start: Substring.UTF8View.Index?

    init(_ path: String) {
        self.path = path[...].utf8
        start = path.isEmpty ? nil : path.utf8.index(after: path.startIndex)
    }

    mutating func next() -> Substring? {
        guard let start else { return nil }
        let end = path[start...].firstIndex(of: UInt8(ascii: "/")) ?? path.endIndex
        self.start = end == path.endIndex ? nil : path.index(after: end)
        return Substring(path[start..<end])
    }
}
