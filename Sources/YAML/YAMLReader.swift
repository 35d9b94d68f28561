internal import CYAML

/// Reads a YAML document with libyaml.
///
/// - SeeAlso: <https://pyyaml.org/wiki/LibYAML>
package enum YAMLReader {
    /// Aliases make a document larger than its text, or endless.
    private static let nodeCountMax = 100_000
    private static let depthMax = 100

    /// The first document of the text, or nil where there is none.
    package static func read(_ text: String) throws(YAMLError) -> YAMLNode? {
        let document = try Document(text)
        guard let root = yaml_document_get_root_node(document.pointer) else { return nil }
        var budget = nodeCountMax
        return try node(root.pointee, document, depth: 0, &budget)
    }

    private static func node(
        _ node: yaml_node_t,
        _ document: borrowing Document,
        depth: Int,
        _ budget: inout Int
    ) throws(YAMLError) -> YAMLNode {
        let line = Int(node.start_mark.line) + 1
        budget -= 1
        guard depth < depthMax, budget > 0 else {
            throw YAMLError(line: line, problem: "this is nested too deeply, or too large")
        }
        switch node.type {
        case YAML_SCALAR_NODE:
            let bytes = UnsafeBufferPointer(start: node.data.scalar.value, count: node.data.scalar.length)
            return YAMLNode(.scalar(String(decoding: bytes, as: UTF8.self)), line: line)
        case YAML_SEQUENCE_NODE:
            var items: [YAMLNode] = []
            var item = node.data.sequence.items.start
            while let current = item, current < node.data.sequence.items.top {
                items.append(try self.node(document.node(current.pointee), document, depth: depth + 1, &budget))
                item = current + 1
            }
            return YAMLNode(.sequence(items), line: line)
        default:
            var members: [(key: String, line: Int, value: YAMLNode)] = []
            var pair = node.data.mapping.pairs.start
            while let current = pair, current < node.data.mapping.pairs.top {
                let key = try self.node(document.node(current.pointee.key), document, depth: depth + 1, &budget)
                guard case .scalar(let name) = key.content else {
                    throw YAMLError(line: key.line, problem: "a key must be plain text")
                }
                guard !members.contains(where: { $0.key == name }) else {
                    throw YAMLError(line: key.line, problem: "\(name) is twice there")
                }
                let value = try self.node(document.node(current.pointee.value), document, depth: depth + 1, &budget)
                members.append((name, key.line, value))
                pair = current + 1
            }
            return YAMLNode(.mapping(members), line: line)
        }
    }
}

/// libyaml's own tree, deleted exactly once.
private struct Document: ~Copyable {
    let pointer: UnsafeMutablePointer<yaml_document_t>

    init(_ text: String) throws(YAMLError) {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else { throw YAMLError(line: 1, problem: "out of memory") }
        defer { yaml_parser_delete(parser) }
        let document = UnsafeMutablePointer<yaml_document_t>.allocate(capacity: 1)
        let bytes = Array(text.utf8)
        let isRead = bytes.withUnsafeBufferPointer { buffer in
            yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
            return yaml_parser_load(parser, document) == 1
        }
        guard isRead else {
            document.deallocate()
            let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not understood"
            throw YAMLError(line: Int(parser.pointee.problem_mark.line) + 1, problem: problem)
        }
        pointer = document
    }

    deinit {
        yaml_document_delete(pointer)
        pointer.deallocate()
    }

    /// The node of a number that another node names.
    func node(_ index: Int32) -> yaml_node_t {
        guard let node = yaml_document_get_node(pointer, index) else { preconditionFailure("libyaml names no node") }
        return node.pointee
    }
}
