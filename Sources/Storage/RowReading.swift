import Domain
import SQLite

extension Row {
    /// A column that holds a time as SQLite's `datetime()` writes it.
    func timestamp(_ column: Int32) throws(SQLiteError) -> Timestamp {
        var timestamp: Timestamp?
        withBytes(column) { timestamp = Timestamp($0) }
        guard let timestamp else { throw .unreadable("column \(column) holds no time") }
        return timestamp
    }
}
