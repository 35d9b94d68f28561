internal import CLinux
internal import Glibc

/// The process that started this one, where that was a ``Nursery``.
package enum Parent {
    package static let variable = "HOLDFAST_PARENT"

    /// From now on this process is killed when the parent ends, however that ends.
    ///
    /// Does nothing where nobody asked for it. Must run before anything is begun.
    package static func follow(_ environment: [String: String]) {
        guard let parent = environment[variable].flatMap(Int32.init) else { return }
        guard clinux_die_with_parent(SIGKILL) == 0 else { return }
        // It may have ended before the kernel was told.
        if getppid() != parent { _exit(1) }
    }
}
