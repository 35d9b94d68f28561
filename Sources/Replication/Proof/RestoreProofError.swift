package import Files
package import LTX

/// Why a replica is no proof that the database can be had again.
package enum RestoreProofError: Error, Sendable, CustomStringConvertible {
    case restore(RestoreError)
    case log(LogRestoreError)
    /// SQLite finds fault with what was restored.
    case integrity([String])
    case sizeDiffers(found: Int, expected: Int)
    /// These pages are not those of the database at the same transaction.
    case contentDiffers(pages: [UInt32])
    /// The database has a transaction that the replica lacks.
    case behind(replica: TXID?, database: TXID)
    /// What it was to be compared with could not be read.
    case unreadable(String)
    case file(FileError)

    package var description: String {
        switch self {
        case .restore(let error): return "\(error)"
        case .log(let error): return "\(error)"
        case .integrity(let problems):
            return "SQLite finds fault with what was restored: \(problems.prefix(3).joined(separator: "; "))"
        case .sizeDiffers(let found, let expected):
            return "what was restored has \(found) bytes, and the database at that transaction \(expected)"
        case .contentDiffers(let pages):
            let first = pages.prefix(5).map { "\($0)" }.joined(separator: ", ")
            return "what was restored differs from the database at that transaction in \(pages.count) pages: \(first)"
        case .behind(let replica, let database):
            return "the replica ends at transaction \(replica.map { "\($0)" } ?? "0"), the database at \(database)"
        case .unreadable(let reason): return "the database cannot be compared with: \(reason)"
        case .file(let error): return "\(error)"
        }
    }
}

extension RestoreProofError {
    static func ofFile<Value: ~Copyable>(
        _ body: () throws(FileError) -> Value
    ) throws(RestoreProofError) -> Value {
        do throws(FileError) { return try body() } catch { throw .file(error) }
    }
}
