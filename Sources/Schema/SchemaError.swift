/// Why migrations or seeds were not run, in words for whoever runs them.
package enum SchemaError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case badFileName(String)
    case badFile(name: String, reason: String)
    case changed(String)
    case vanished(String)
    case databaseIsNewer(String)
    case outOfOrder(name: String, appliedAfter: String)
    case unknown(String)
    case noWayDown(String)
    case failed(name: String, statement: Int, line: Int, reason: String)
    case brokenReferences(name: String, table: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
        case .badFileName(let name):
            "\(name) is not named <timestamp>_<name>.sql: 14 digits, then lower-case letters, digits and underscores"
        case .badFile(let name, let reason): "\(name).sql: \(reason)"
        case .changed(let name):
            "\(name).sql was changed after it was applied; put it back as it was, and make a new migration instead"
        case .vanished(let name): "\(name).sql was applied to this database and is missing now; put the file back"
        case .databaseIsNewer(let name):
            "the database is newer than this program: \(name) was applied to it, and is not among the files here"
        case .outOfOrder(let name, let appliedAfter):
            "\(name) sorts before \(appliedAfter), which is applied already; give it a newer timestamp"
        case .unknown(let name): "there is no \(name)"
        case .noWayDown(let name): "\(name).sql has no `-- migrate:down` section, so it cannot be undone"
        case .failed(let name, let statement, let line, let reason):
            "\(name).sql failed at statement \(statement) (line \(line)) and was undone as a whole: \(reason)"
        case .brokenReferences(let name, let table):
            "\(name).sql was undone: it leaves rows in \(table) that refer to rows that do not exist"
        }
    }
}
