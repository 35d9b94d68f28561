internal import Files

/// Where a restored database goes, and what may be in its way.
struct RestorePlace {
    let path: String

    /// Files that SQLite would take for the new database's own, and change it by.
    private static let companions = ["-wal", "-shm", "-journal"]

    init(_ path: String) {
        self.path = path
    }

    /// Throws if there is a database; an empty file is none.
    func checkIsFree() throws(RestoreError) {
        for name in [path] + Self.companions.map({ path + $0 }) {
            guard let status = try status(of: name) else { continue }
            guard name == path, !status.isFolder, status.size == 0 else { throw .targetExists(path: name) }
        }
    }

    /// Makes the file that will get the name.
    func take() throws(RestoreError) -> WorkFile {
        try fileErrors { () throws(FileError) in
            try Files.createFolder(Files.parent(of: path))
        }
        return try take("\(path).restoring")
    }

    /// A file for what need not be kept in memory; it has no name, and ends with its last user.
    func takeSpool() throws(RestoreError) -> WorkFile {
        let file = try take("\(path).restoring-spool")
        try fileErrors { () throws(FileError) in try Files.remove(file.path) }
        return file
    }

    /// Gives the finished database its name.
    ///
    /// What is left of an old one goes first: its WAL would be replayed over the new database and corrupt it.
    func put(isForced: Bool) throws(RestoreError) {
        if !isForced { try checkIsFree() }
        try fileErrors { () throws(FileError) in
            for companion in Self.companions { try Files.removeIfPresent(path + companion) }
            try Files.rename("\(path).restoring", to: path)
            try Files.syncFolder(Files.parent(of: path))
        }
    }

    private func take(_ path: String) throws(RestoreError) -> WorkFile {
        guard let file = try fileErrors({ () throws(FileError) in try WorkFile(taking: path) }) else {
            throw .busy(path: self.path)
        }
        return file
    }

    private func status(of path: String) throws(RestoreError) -> File.Status? {
        do throws(FileError) { return try File(reading: path).status() } catch {
            guard error.isMissing else { throw .file(error) }
            return nil
        }
    }

    private func fileErrors<Value>(_ body: () throws(FileError) -> Value) throws(RestoreError) -> Value {
        do throws(FileError) { return try body() } catch { throw .file(error) }
    }
}
