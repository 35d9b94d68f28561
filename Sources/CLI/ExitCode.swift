/// How a program ended, as the shell sees it.
package struct ExitCode: RawRepresentable, Sendable, Equatable {
    package let rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    package static let success = ExitCode(rawValue: 0)
    package static let failure = ExitCode(rawValue: 1)
    /// The command line was wrong; nothing was done.
    package static let usage = ExitCode(rawValue: 2)
}
