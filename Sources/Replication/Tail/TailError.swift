package import Files
package import LTX
package import SQLite

/// Why a database cannot be followed right now.
package enum TailError: Error, Sendable, CustomStringConvertible {
    case sqlite(SQLiteError)
    case file(FileError)
    case pages(PageImageError)
    case format(LTXError)
    /// There is no such file yet, or no more.
    case missing
    /// Another replicator has the same database.
    case taken(path: String)
    /// A file that was taken from the log is not what it was any more.
    case staged(sequence: UInt64)

    package var description: String {
        switch self {
        case .sqlite(let error): "\(error)"
        case .file(let error): "\(error)"
        case .pages(let error): "\(error)"
        case .format(let error): "\(error)"
        case .missing: "there is no database file"
        case .taken(let path): "another replicator follows this database: it has \(path)"
        case .staged(let sequence): "staged file \(sequence) is damaged"
        }
    }
}

/// Runs what SQLite or the file system may refuse, and says so as a ``TailError``.
enum Attempt {
    static func sqlite<Value>(_ body: () throws(SQLiteError) -> Value) throws(TailError) -> Value {
        do throws(SQLiteError) { return try body() } catch {
            throw .sqlite(error)
        }
    }

    static func file<Value>(_ body: () throws(FileError) -> Value) throws(TailError) -> Value {
        do throws(FileError) { return try body() } catch { throw .file(error) }
    }

    static func format<Value: ~Copyable>(_ body: () throws(LTXError) -> Value) throws(TailError) -> Value {
        do throws(LTXError) { return try body() } catch { throw .format(error) }
    }
}
