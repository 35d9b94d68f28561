internal import CLinux
internal import Glibc

/// A file that is being made by one process, in any order, before it gets the name that others know.
///
/// Its lock ends with the process, however that ends, so that the next one takes over what a killed one left behind.
package final class WorkFile: Sendable {
    package let path: String
    private let descriptor: Int32

    /// Takes the file at `path` and empties it; nil while another process has it.
    package init?(taking path: String) throws(FileError) {
        self.path = path
        while true {
            let descriptor = retrying { open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
            guard descriptor >= 0 else { throw FileError("open", path) }
            var taken = stat()
            var named = stat()
            guard retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 else {
                let error = FileError("flock", path)
                Glibc.close(descriptor)
                guard error.code == EWOULDBLOCK else { throw error }
                return nil
            }
            guard fstat(descriptor, &taken) == 0, stat(path, &named) == 0, taken.st_ino == named.st_ino else {
                // Its last owner has renamed or removed it in between: under this name there is another file, or none.
                Glibc.close(descriptor)
                continue
            }
            self.descriptor = descriptor
            break
        }
        try truncate(to: 0)
    }

    deinit { Glibc.close(descriptor) }

    package func write(_ bytes: Span<UInt8>, at offset: Int) throws(FileError) {
        try writeBytes(bytes, to: descriptor, path, at: offset)
    }

    /// The bytes at `offset`, fewer than `count` only at the end of the file.
    package func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try readBytes(of: descriptor, path, at: offset, count: count)
    }

    /// Cuts the file off, or fills it up with zeros.
    package func truncate(to size: Int) throws(FileError) {
        guard retrying({ ftruncate(descriptor, off_t(size)) }) == 0 else { throw FileError("ftruncate", path) }
    }

    /// Lets the disk begin with what was written, so that a later `sync` has less to wait for.
    package func beginSync(at offset: Int, count: Int) {
        // Only a hint: what fails here fails again in `sync`.
        _ = sync_file_range(descriptor, off_t(offset), off_t(count), 2)  // SYNC_FILE_RANGE_WRITE
    }

    /// Everything written so far is on the disk when this returns.
    package func sync() throws(FileError) {
        guard retrying({ fsync(descriptor) }) == 0 else { throw FileError("fsync", path) }
    }
}
