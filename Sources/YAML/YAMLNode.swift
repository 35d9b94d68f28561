/// A piece of a YAML document, and where in the text it begins.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        /// As it was written; YAML's own types are for the reader to apply.
        case scalar(String)
        case sequence([YAMLNode])
        /// In the order of the text. Keys that are no scalars do not occur.
        case mapping([(key: String, line: Int, value: YAMLNode)])
    }

    package let content: Content
    /// Counted from 1.
    package let line: Int

    package init(_ content: Content, line: Int) {
        (self.content, self.line) = (content, line)
    }
}

/// Why a text is no YAML, or none that is taken.
package struct YAMLError: Error, Equatable, CustomStringConvertible {
    package let line: Int
    package let problem: String

    package var description: String { "line \(line): \(problem)" }
}
