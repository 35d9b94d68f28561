package import SQLite

/// Why there is no image of a database.
package enum PageImageError: Error, Sendable, CustomStringConvertible {
    case sqlite(SQLiteError)
    case notWAL
    /// It has no page yet.
    case empty
    /// The log is not what the wal-index says it is.
    case log(String)
    /// Somebody waited for it to be let go.
    case unwanted

    package var description: String {
        switch self {
        case .sqlite(let error): "the pages of the database cannot be read: \(error)"
        case .notWAL: "the database is not in WAL mode"
        case .empty: "the database has no pages yet"
        case .log(let reason): "the write-ahead log is damaged: \(reason)"
        case .unwanted: "a catch-up was more urgent"
        }
    }
}
