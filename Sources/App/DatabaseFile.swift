import FoundationEssentials
package import Schema
package import SQLite

/// The database of one data folder, owned by this process for as long as the value lives.
package struct DatabaseFile: Sendable {
    package let path: String
    private let lock: FolderLock

    /// How long to wait for a process that is on its way out: a little more than its shutdown may take.
    private static let lockPatience = Duration.seconds(6)

    /// Makes the folder if needed, and takes it.
    package init(_ path: String) throws(ServiceError) {
        do {
            let folder = URL(filePath: path).deletingLastPathComponent().path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw ServiceError("cannot make the folder of \(path): \(fileFailureReason(error))")
        }
        do throws(FolderLock.Failure) {
            lock = try FolderLock(besides: path, patience: Self.lockPatience)
        } catch {
            switch error {
            case .held(let process):
                let who = process.map { "process \($0)" } ?? "another process"
                throw ServiceError("\(path) is in use by \(who); stop it first, or choose another file with --db")
            case .inaccessible(let path, let reason):
                throw ServiceError("cannot open \(path): \(reason); choose another file with --db")
            }
        }
        self.path = path
    }

    /// A connection of its own that may write, for work before the service starts.
    package func connect() throws(ServiceError) -> Connection {
        do { return try Connection(path, .readWrite) } catch { throw ServiceError(opening: path, error) }
    }

    /// A migrator over the files of a folder.
    package static func migrator(_ connection: Connection, folder: String) throws(SchemaError) -> Migrator {
        try Migrator(connection, gate: LocalGate(), files: try SQLFile.all(in: folder))
    }
}

/// Why the service cannot run, in words for whoever runs it.
package struct ServiceError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    package init(opening path: String, _ error: SQLiteError) {
        if error.isDamaged {
            description = "\(path) is damaged, or no SQLite database: \(error.message)"
        } else if error.isInaccessible {
            description = "cannot open \(path): \(error.message); check that its folder may be written"
        } else {
            description = "cannot open \(path): \(error)"
        }
    }
}
