internal import CSQLite
internal import Glibc

/// A failure that SQLite reported.
///
/// Carries SQL and SQLite's own words: for logs and operators, never for a client.
package struct SQLiteError: Error, Sendable, CustomStringConvertible {
    /// The extended result code.
    ///
    /// - SeeAlso: <https://sqlite.org/rescode.html>
    package let code: Int32
    package let message: String
    package let sql: String?

    init(code: Int32, message: String, sql: String?) {
        self.code = code
        self.message = message
        self.sql = sql
    }

    /// What a row holds is not what its table promises.
    package static func unreadable(_ what: String) -> SQLiteError {
        SQLiteError(code: SQLITE_MISMATCH, message: what, sql: nil)
    }

    /// The kernel refused what SQLite was not asked to do.
    static func system(_ call: String, _ path: String) -> SQLiteError {
        SQLiteError(code: SQLITE_IOERR, message: "\(call) \(path): \(String(cString: strerror(errno)))", sql: nil)
    }

    private var primary: Int32 { code & 0xFF }

    /// A UNIQUE, CHECK, NOT NULL or foreign key rule said no: the statement is at fault, not the database.
    package var isConstraint: Bool { primary == SQLITE_CONSTRAINT }

    /// A row with this key exists.
    package var isDuplicate: Bool {
        code == csqlite_constraint_unique || code == csqlite_constraint_primarykey
    }

    /// The statement names what the schema does not have, or is no SQL.
    package var isSchemaMismatch: Bool { primary == SQLITE_ERROR }

    /// Others have what it takes, for longer than was waited.
    package var isBusy: Bool { primary == SQLITE_BUSY }

    /// The disk, or the quota, is full.
    package var isFull: Bool { primary == SQLITE_FULL }

    /// The file is not a database, or damaged.
    package var isDamaged: Bool { primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT }

    /// The file, or its folder, cannot be opened or written.
    package var isInaccessible: Bool {
        primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY || primary == SQLITE_PERM
    }

    package var description: String {
        let place = sql.map { ", in: \($0)" } ?? ""
        return "\(message) (SQLite \(code)\(place))"
    }
}
