internal import Glibc

/// The program that is running, as a path that another process can start.
package enum ProcessPath {
    package static var own: String? {
        guard let path = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(path) }
        return String(cString: path)
    }
}
