package import SQLite

/// What the repositories need of the schema.
package enum StorageSchema {
    /// Whether all of it is there, in a schema that is newer than this program.
    package static func fits(_ connection: Connection) throws -> Bool {
        do throws(SQLiteError) {
            try connection.run("SELECT id, title, status, created, modified FROM tasks LIMIT 0")
            try connection.run("SELECT id, first_name, last_name, created_at, updated_at FROM users LIMIT 0")
            try connection.run("SELECT id, contents, created FROM pastes LIMIT 0")
            return true
        } catch {
            guard error.isSchemaMismatch else { throw error }
            return false
        }
    }
}
