internal import Glibc

/// An open file, closed exactly once.
package struct File: ~Copyable {
    private let descriptor: Int32
    private let path: String

    /// What tells one state of a file from the next.
    package struct Status: Equatable, Sendable {
        package let size: Int
        package let inode: UInt64
        package let modifiedNanoseconds: Int64
        /// When the file last changed in any way, its names included; unlike the other, nobody can choose it.
        package let changedNanoseconds: Int64
        package let isFolder: Bool
    }

    private init(_ path: String, flags: Int32) throws(FileError) {
        self.path = path
        descriptor = retrying { open(path, flags | O_CLOEXEC, 0o666) }
        guard descriptor >= 0 else { throw FileError("open", path) }
    }

    /// Opens a file that exists, to read it.
    package init(reading path: String) throws(FileError) { try self.init(path, flags: O_RDONLY) }

    /// Creates a file that must not exist yet, to write it.
    package init(creating path: String) throws(FileError) { try self.init(path, flags: O_WRONLY | O_CREAT | O_EXCL) }

    /// Opens a file that exists, to write behind its end.
    package init(appending path: String) throws(FileError) { try self.init(path, flags: O_WRONLY | O_APPEND) }

    /// Opens a file that exists, to change it in any place.
    package init(updating path: String) throws(FileError) { try self.init(path, flags: O_RDWR) }

    deinit { Glibc.close(descriptor) }

    package func status() throws(FileError) -> Status {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError("fstat", path) }
        return Status(
            size: Int(status.st_size),
            inode: UInt64(status.st_ino),
            modifiedNanoseconds: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
            changedNanoseconds: Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec),
            isFolder: status.st_mode & S_IFMT == S_IFDIR
        )
    }

    package func write(_ bytes: Span<UInt8>) throws(FileError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.extracting(written...).withUnsafeBytes { rest in
                retrying { Glibc.write(descriptor, rest.baseAddress, rest.count) }
            }
            guard count >= 0 else { throw FileError("write", path) }
            written += count
        }
    }

    package func write(_ bytes: Span<UInt8>, at offset: Int) throws(FileError) {
        try writeBytes(bytes, to: descriptor, path, at: offset)
    }

    /// Cuts the file off, or fills it up with zeros.
    package func truncate(to size: Int) throws(FileError) {
        guard retrying({ ftruncate(descriptor, off_t(size)) }) == 0 else { throw FileError("ftruncate", path) }
    }

    /// The bytes at `offset`, fewer than `count` only at the end of the file.
    package func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try readBytes(of: descriptor, path, at: offset, count: count)
    }

    /// `UTIME_OMIT`, a macro that Swift does not see: leaves that time as it is.
    private static let unchangedTime = (1 << 30) - 2

    /// Sets the time of the last change to the content, as others will see it.
    package func setModified(unixMilliseconds: Int64) throws(FileError) {
        let seconds = (unixMilliseconds - (unixMilliseconds % 1000 + 1000) % 1000) / 1000
        let nanoseconds = Int(unixMilliseconds - seconds * 1000) * 1_000_000
        let times = [
            timespec(tv_sec: 0, tv_nsec: Self.unchangedTime), timespec(tv_sec: Int(seconds), tv_nsec: nanoseconds),
        ]
        guard futimens(descriptor, times) == 0 else { throw FileError("futimens", path) }
    }

    /// Everything written so far is on the disk when this returns.
    package func sync() throws(FileError) {
        guard retrying({ fsync(descriptor) }) == 0 else { throw FileError("fsync", path) }
    }
}

/// Changes to the names in a folder; none of them survives a power cut before ``syncFolder(_:)``.
package enum Files {
    /// Gives `path` the second name `newPath`, and fails with `EEXIST` when that is taken.
    package static func link(_ path: String, to newPath: String) throws(FileError) {
        guard Glibc.link(path, newPath) == 0 else { throw FileError("link", newPath) }
    }

    /// Renames, and replaces what was at `newPath` in one step.
    package static func rename(_ path: String, to newPath: String) throws(FileError) {
        guard Glibc.rename(path, newPath) == 0 else { throw FileError("rename", newPath) }
    }

    package static func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 else { throw FileError("unlink", path) }
    }

    /// Removes a file that may be gone already.
    package static func removeIfPresent(_ path: String) throws(FileError) {
        do throws(FileError) { try remove(path) } catch { guard error.isMissing else { throw error } }
    }

    /// What tells the file at `path` from another one that gets its name; nil where there is none.
    ///
    /// Does not open it: closing a descriptor of a database drops the locks that SQLite has on it.
    package static func inode(of path: String) throws(FileError) -> UInt64? {
        try look(at: path).map { UInt64($0.st_ino) }
    }

    /// The size of the file at `path`, which is not opened either; nil where there is none.
    package static func size(of path: String) throws(FileError) -> Int? {
        try look(at: path).map { Int($0.st_size) }
    }

    private static func look(at path: String) throws(FileError) -> stat? {
        var status = stat()
        guard stat(path, &status) != 0 else { return status }
        let error = FileError("stat", path)
        guard error.isMissing else { throw error }
        return nil
    }

    /// Makes the names in `folder` durable.
    package static func syncFolder(_ folder: String) throws(FileError) {
        try File(reading: folder).sync()
    }

    /// Creates `folder` and whatever is missing above it, each made durable in the folder that holds it.
    package static func createFolder(_ folder: String) throws(FileError) {
        if mkdir(folder, 0o777) == 0 { return try syncFolder(parent(of: folder)) }
        switch errno {
        case EEXIST:
            guard try File(reading: folder).status().isFolder else { throw FileError("mkdir", folder, ENOTDIR) }
        case ENOENT where folder != parent(of: folder):
            try createFolder(parent(of: folder))
            try createFolder(folder)
        default: throw FileError("mkdir", folder)
        }
    }

    /// The names in `folder`, without `.` and `..`, in no order.
    package static func entries(of folder: String) throws(FileError) -> [(name: String, isFolder: Bool)] {
        guard let stream = opendir(folder) else { throw FileError("opendir", folder) }
        defer { closedir(stream) }
        var entries: [(name: String, isFolder: Bool)] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw FileError("readdir", folder) }
                return entries
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            var isFolder = entry.pointee.d_type == UInt8(DT_DIR)
            if entry.pointee.d_type == UInt8(DT_UNKNOWN) || entry.pointee.d_type == UInt8(DT_LNK) {
                // Some file systems do not say, and a link is what it leads to; gone by now is no entry.
                var status = stat()
                guard stat("\(folder)/\(name)", &status) == 0 else { continue }
                isFolder = status.st_mode & S_IFMT == S_IFDIR
            }
            entries.append((name, isFolder))
        }
    }

    /// The folder that holds `path`.
    package static func parent(of path: String) -> String {
        let trimmed = path.hasSuffix("/") ? path.dropLast() : path[...]
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }
}

/// The bytes of an open file at `offset`, fewer than `count` only at its end.
func readBytes(of descriptor: Int32, _ path: String, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        while filled < count {
            let rest = UnsafeMutableRawBufferPointer(buffer)[filled...]
            let start = UnsafeMutableRawBufferPointer(rebasing: rest).baseAddress
            let got = retrying { pread(descriptor, start, rest.count, off_t(offset + filled)) }
            guard got > 0 else {
                failed = got < 0
                return
            }
            filled += got
        }
    }
    guard !failed else { throw FileError("pread", path) }
    return bytes
}

/// Writes to an open file at `offset`.
func writeBytes(
    _ bytes: Span<UInt8>,
    to descriptor: Int32,
    _ path: String,
    at offset: Int
) throws(FileError) {
    var written = 0
    while written < bytes.count {
        let count = bytes.extracting(written...).withUnsafeBytes { rest in
            retrying { pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + written)) }
        }
        guard count >= 0 else { throw FileError("pwrite", path) }
        written += count
    }
}

/// Repeats a call that a signal interrupted.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        guard result == -1, errno == EINTR else { return result }
    }
}
