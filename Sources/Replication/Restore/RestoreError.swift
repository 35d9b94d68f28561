package import Files
package import ObjectStore
package import SQLite

/// Why there is no restored database; nothing was left behind.
package enum RestoreError: Error, Sendable {
    /// What the replica holds does not lead to the target.
    case plan(RestorePlanError)
    /// An object is not what it should be.
    case damaged(key: String, reason: String)
    /// An object is listed, or was a moment ago, and cannot be had, however often one looks again.
    case vanished(ObjectStoreError)
    /// The store did not do what was asked: it says nothing about what the replica holds.
    case store(ObjectStoreError)
    /// There is a database in the place of the new one.
    case targetExists(path: String)
    /// Another process is restoring to the same place.
    case busy(path: String)
    case file(FileError)
    /// SQLite finds fault with the database, though every object was what it should be.
    case integrity([String])
    /// The database in place cannot be changed; somebody reads it all the time, for example.
    case database(SQLiteError)
    case cancelled

    init(_ error: ObjectStoreError) {
        self = error.kind == .cancelled ? .cancelled : .store(error)
    }
}
