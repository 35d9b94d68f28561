package import LTX

/// The log in the bucket, as far as the gate needs to know it: where it ends, what comes next, and what others added.
///
/// Called by one caller at a time. ``FencedLog`` is the real one, and says what each of these promises.
package protocol CommitLog: Sendable {
    var position: Position? { get }
    func nextHeader(pageSize: UInt32, commit: UInt32) -> Header
    func append(_ bytes: [UInt8], _ position: Position, within patience: Duration) async -> FencedLog.AppendOutcome
    func fetchNewer() async throws(LogError) -> FencedLog.Newer
    func advance(to position: Position) async
}

extension FencedLog: CommitLog {}
