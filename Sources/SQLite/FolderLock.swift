internal import CLinux
internal import Glibc

/// The right to be the one process that opens a database for writing.
///
/// Held as long as the value lives, and let go by the kernel when the process ends, however it ends.
package final class FolderLock: Sendable {
    package enum Failure: Error, Sendable {
        /// Another process has it; its number, if it could be read.
        case held(by: Int?)
        case inaccessible(path: String, reason: String)
    }

    private let descriptor: Int32

    /// Takes the lock of the database at `path`, and waits up to `patience` for a process that is on its way out.
    ///
    /// The lock is a file beside the database, because closing any descriptor of the database itself would drop SQLite's
    /// own locks.
    package init(besides path: String, patience: Duration) throws(Failure) {
        // SQLite goes by the file that a symbolic link leads to, so the lock must too.
        let target = realpath(path, nil)
        defer { free(target) }
        let lockPath = (target.map { String(cString: $0) } ?? path) + ".lock"
        // Assigned to the property at the end: a class whose properties are all set runs `deinit` when `init` throws.
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .inaccessible(path: lockPath, reason: String(cString: strerror(errno)))
        }
        let deadline = ContinuousClock.now.advanced(by: patience)
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            guard code == EWOULDBLOCK || code == EINTR else {
                close(descriptor)
                throw .inaccessible(path: lockPath, reason: String(cString: strerror(code)))
            }
            guard ContinuousClock.now < deadline else {
                let holder = Self.holder(descriptor)
                close(descriptor)
                throw .held(by: holder)
            }
            usleep(20_000)
        }
        // Only a help for people: the lock is the flock, not the number.
        let text = "\(getpid())\n"
        ftruncate(descriptor, 0)
        pwrite(descriptor, text, text.utf8.count, 0)
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    private static func holder(_ descriptor: Int32) -> Int? {
        var buffer = [UInt8](repeating: 0, count: 20)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: buffer.prefix(count).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}
