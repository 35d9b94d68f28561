internal import FoundationEssentials

/// libfaketime, which shows a process another time of day.
///
/// - SeeAlso: <https://github.com/wolfcw/libfaketime>
struct FakeTime: Sendable {
    private let library: String

    private static let places = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib64/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1",
    ]

    /// Nil if it is not installed.
    static let installed = places.first { FileManager.default.fileExists(atPath: $0) }.map(FakeTime.init(library:))

    /// Variables that put a program's wall clock forward or back; the clock that measures stays right.
    func variables(skew: Duration) -> [String: String] {
        let seconds = skew.components.seconds
        return [
            "LD_PRELOAD": library, "FAKETIME": "\(seconds < 0 ? "" : "+")\(seconds)s", "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        ]
    }
}
