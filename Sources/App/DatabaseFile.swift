import FoundationEssentials
import Glibc
package import SQLite

/// The database of one data folder, owned by this process for as long as the value lives.
package struct DatabaseFile: Sendable {
    /// Absolute and without symbolic links: by whatever name processes know the file, they meet at one lock.
    package let path: String
    private let lock: FolderLock

    /// How long to wait for a process that is on its way out: a little more than its shutdown may take.
    private static let lockPatience = Duration.seconds(6)

    /// Makes the folder if needed, and takes it.
    package init(_ path: String) throws(ServiceError) {
        // SQLite would keep these in memory, where nothing outlives the process.
        guard path != ":memory:", !path.hasPrefix("file:") else {
            throw ServiceError("\(path) is not the path of a file; choose one with --db")
        }
        // Not by way of a URL, which would put the home folder in place of a `~` that the shell left alone.
        let nameStart = path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex
        let folder = nameStart == path.startIndex ? "." : String(path[..<nameStart])
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw ServiceError("cannot make the folder of \(path): \(fileFailureReason(error))")
        }
        if let type = Self.type(of: path), type != S_IFREG {
            throw ServiceError("\(path) is \(type == S_IFDIR ? "a folder" : "no file"); choose a file with --db")
        }
        guard let file = Self.realPath(path) ?? Self.realPath(folder).map({ "\($0)/\(path[nameStart...])" }) else {
            throw ServiceError("cannot open \(path): \(unsafe String(cString: strerror(errno)))")
        }
        do throws(FolderLock.Failure) {
            lock = try FolderLock(besides: file, patience: Self.lockPatience)
        } catch {
            switch error {
            case .held(let process):
                let who = process.map { "process \($0)" } ?? "another process"
                throw ServiceError("\(path) is in use by \(who); stop it first, or choose another file with --db")
            case .inaccessible(let path, let reason):
                throw ServiceError("cannot open \(path): \(reason); choose another file with --db")
            }
        }
        self.path = file
    }

    /// What kind of file it is, links followed; nil if there is none that can be seen.
    private static func type(of path: String) -> mode_t? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT
    }

    private static func realPath(_ path: String) -> String? {
        guard let real = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
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
