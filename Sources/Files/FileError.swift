internal import Glibc

/// A file operation that the kernel refused.
package struct FileError: Error, Equatable, CustomStringConvertible {
    /// The call, as its manual page names it.
    package let call: String
    package let path: String
    /// What `errno` was.
    package let code: Int32

    init(_ call: String, _ path: String, _ code: Int32 = errno) {
        (self.call, self.path, self.code) = (call, path, code)
    }

    /// There is no such file or folder; also when something above it is a file.
    package var isMissing: Bool { code == ENOENT }
    package var isTaken: Bool { code == EEXIST }
    package var isDenied: Bool { code == EACCES || code == EPERM || code == EROFS }
    package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }
    /// A file is where a folder must be, or the other way round, or a name is too long for the file system.
    package var isBadName: Bool { [ENOTDIR, EISDIR, ENAMETOOLONG, ELOOP, ENOTEMPTY].contains(code) }

    package var description: String { "\(call) \(path): \(String(cString: strerror(code)))" }
}
