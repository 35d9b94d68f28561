import Domain
import SQLite

extension Row {
    /// A column that holds a time as SQLite's `datetime()` writes it.
    func timestamp(_ column: Int32) throws(SQLiteError) -> Timestamp {
        guard let timestamp = bytes(column, { Timestamp($0) }) else {
            throw .unreadable("column \(column) holds no time")
        }
        return timestamp
    }
}
