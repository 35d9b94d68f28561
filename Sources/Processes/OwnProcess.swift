internal import Glibc

/// What the kernel knows of the program that is running.
package enum OwnProcess {
    /// The program's file, as a path that another process can start.
    package static var path: String? {
        guard let path = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(path) }
        return String(cString: path)
    }

    /// The command line, the program's name first.
    ///
    /// Swift finds it by way of the environment, and finds nothing where a preloaded library has changed that before us
    /// (libfaketime does).
    package static var arguments: [String] {
        let known = CommandLine.arguments
        guard known.isEmpty || known == [""], let file = fopen("/proc/self/cmdline", "re") else { return known }
        defer { fclose(file) }
        var arguments: [String] = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getdelim(&line, &capacity, 0, file) > 0, let line { arguments.append(String(cString: line)) }
        return arguments
    }
}
