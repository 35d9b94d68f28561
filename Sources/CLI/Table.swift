/// Rows under named columns, as aligned text for people and as JSON for programs.
package struct Table: Sendable {
    package enum Cell: Sendable, Equatable {
        case text(String), integer(Int), boolean(Bool)
        /// Known to be absent: `-` in text, `null` in JSON.
        case none

        fileprivate var text: String {
            switch self {
            case .text(let text): text.printable
            case .integer(let number): String(number)
            case .boolean(let boolean): String(boolean)
            case .none: "-"
            }
        }
    }

    package let columns: [String]
    package private(set) var rows: [[Cell]] = []

    package init(_ columns: [String]) {
        self.columns = columns
    }

    package mutating func add(_ cells: Cell...) {
        precondition(cells.count == columns.count, "\(cells.count) cells for \(columns.count) columns")
        rows.append(cells)
    }

    /// A line for the names and one for each row; numbers are aligned to the right.
    package func text(style: Style = .plain) -> String {
        let widths = columns.indices.map { column in
            rows.map { $0[column].text.displayWidth }.reduce(columns[column].displayWidth, max)
        }
        let header = zip(columns, widths).map { $0.padded(to: $1) }
        let lines = rows.map { row in
            zip(row, widths).map { cell, width in
                let text = cell.text
                guard case .integer = cell else { return text.padded(to: width) }
                return String(repeating: " ", count: width - text.displayWidth) + text
            }
        }
        return style.bold(line(header)) + "\n" + lines.map { line($0) + "\n" }.joined()
    }

    /// An array with one object, on one line, for each row; `quote` makes a JSON string of a text.
    package func json(quote: (String) -> String) -> String {
        let objects = rows.map { row in
            let members = zip(columns, row).map { column, cell in
                let value =
                    switch cell {
                    case .text(let text): quote(text)
                    case .none: "null"
                    case .integer, .boolean: cell.text
                    }
                return "\(quote(column)):\(value)"
            }
            return "{\(members.joined(separator: ","))}"
        }
        return objects.isEmpty ? "[]\n" : "[\n" + objects.joined(separator: ",\n") + "\n]\n"
    }

    private func line(_ cells: [String]) -> String {
        let line = cells.joined(separator: "  ")
        let end = line.lastIndex { $0 != " " }.map(line.index(after:)) ?? line.startIndex
        return String(line[..<end])
    }
}
