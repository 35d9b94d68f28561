/// One step of the schema: a file with `-- migrate:up` and `-- migrate:down` sections, in dbmate's form.
package struct Migration: Sendable, Equatable {
    package let name: String
    package let up: SQLFile
    package let down: SQLFile?

    private static let upMark = "-- migrate:up"
    private static let downMark = "-- migrate:down"

    package init(_ file: SQLFile) throws(SchemaError) {
        var sections: [(mark: String, firstLine: Int, lines: [Substring])] = []
        for (index, line) in file.contents.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            guard let mark = Self.mark(words) else {
                if sections.isEmpty {
                    guard words.isEmpty || words.hasPrefix("--") else {
                        throw .badFile(name: file.name, reason: "SQL stands before the `\(Self.upMark)` line")
                    }
                } else {
                    sections[sections.count - 1].lines.append(line)
                }
                continue
            }
            guard mark == Self.upMark || mark == Self.downMark else {
                let reason = "line \(index + 1), `\(words)`: only `\(Self.upMark)` and `\(Self.downMark)` are known"
                throw .badFile(name: file.name, reason: reason)
            }
            guard !sections.contains(where: { $0.mark == mark }) else {
                throw .badFile(name: file.name, reason: "`\(words)` stands twice")
            }
            sections.append((mark, index + 2, []))
        }
        let section = { (mark: String) -> SQLFile? in
            guard let found = sections.first(where: { $0.mark == mark }) else { return nil }
            return SQLFile(
                name: file.name,
                contents: found.lines.joined(separator: "\n"),
                firstLine: found.firstLine
            )
        }
        guard let up = section(Self.upMark) else {
            throw .badFile(name: file.name, reason: "there is no `\(Self.upMark)` line")
        }
        name = file.name
        self.up = up
        down = section(Self.downMark)
    }

    /// The line as a mark, if it looks like one.
    ///
    /// Generous with spaces and case: a mark taken for a comment would run the way down as part of the way up.
    private static func mark(_ words: String) -> String? {
        guard words.hasPrefix("--") else { return nil }
        let comment = words.drop { $0 == "-" || $0 == " " }.lowercased()
        return comment.hasPrefix("migrate:") ? "-- \(comment)" : nil
    }

    /// What `migrate make` writes.
    package static let template = """
        \(upMark)


        \(downMark)

        """
}
