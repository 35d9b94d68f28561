internal import Glibc

/// What puts a database into a later state than it is in, when others have written.
package enum DatabaseChange: Sendable {
    /// Some pages become others, and the file gets another length.
    case pages(PageChange)
    /// The file at this path takes the database's place; the one that is there may have to be moved aside.
    case file(String, movesAside: Bool)
}

package struct PageChange: Sendable {
    package let pageSize: Int
    /// The length of the database afterwards.
    package let pageCount: Int
    /// Whether this is all of another database: the one that is there is moved aside.
    package let isWhole: Bool
    package private(set) var pages: [(number: UInt32, bytes: [UInt8])] = []

    package init(pageSize: Int, pageCount: Int, isWhole: Bool) {
        (self.pageSize, self.pageCount, self.isWhole) = (pageSize, pageCount, isWhole)
    }

    package mutating func add(_ number: UInt32, _ bytes: [UInt8]) {
        precondition(number > 0 && number <= pageCount && bytes.count == pageSize, "page \(number)")
        pages.append((number, bytes))
    }
}

extension DatabaseChange {
    /// Changes the file, which nobody may have open.
    ///
    /// Not synced: after a power cut the log is asked. An error may leave the file half changed.
    func apply(to path: String) throws(SQLiteError) {
        switch self {
        case .pages(let change):
            if change.isWhole { try Self.moveAside(path) }
            try Self.write(change, to: path)
        case .file(let newPath, let movesAside):
            if movesAside { try Self.moveAside(path) }
            guard rename(newPath, path) == 0 else { throw .system("rename", path) }
        }
    }

    /// What no log has may be somebody's only copy.
    private static func moveAside(_ path: String) throws(SQLiteError) {
        let newPath = "\(path).aside-\(time(nil))"
        guard rename(path, newPath) == 0 else { throw .system("rename", newPath) }
    }

    private static func write(_ change: PageChange, to path: String) throws(SQLiteError) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | (change.isWhole ? O_CREAT | O_EXCL : 0), 0o644)
        guard descriptor >= 0 else { throw .system("open", path) }
        defer { close(descriptor) }
        for page in change.pages {
            try write(page.bytes, at: (Int(page.number) - 1) * change.pageSize, descriptor, path)
        }
        guard ftruncate(descriptor, off_t(change.pageCount * change.pageSize)) == 0 else {
            throw .system("ftruncate", path)
        }
    }

    private static func write(
        _ bytes: [UInt8],
        at offset: Int,
        _ descriptor: Int32,
        _ path: String
    ) throws(SQLiteError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { all in
                let rest = UnsafeRawBufferPointer(rebasing: all[written...])
                return pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .system("pwrite", path) }
            written += count
        }
    }
}
