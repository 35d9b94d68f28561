import LTX
import Metrics
import Replication
import Synchronization

/// A file of level 0 that is in the log.
struct LoggedFile: Sendable {
    let header: Header
    let position: Position
    let bytes: [UInt8]
}

/// The log, as the gate uses it, for whoever wants to know what is in it by now and how it got there.
final class ObservedLog: CommitLog {
    let log: FencedLog
    private let metrics: ReplicationMetrics
    private let listeners = Mutex<[@Sendable (LoggedFile) -> Void]>([])
    /// What was fetched and is not in the database yet.
    private let fetched = Mutex<[LogFile]>([])
    private let currentProblem = Mutex<String?>(nil)

    init(_ log: FencedLog, _ metrics: ReplicationMetrics) {
        (self.log, self.metrics) = (log, metrics)
        if let txid = log.position?.txid { note(txid) }
    }

    /// Tells `listener` of each file from now on, in the order of the log; it must not block for long.
    func addListener(_ listener: @escaping @Sendable (LoggedFile) -> Void) {
        listeners.withLock { $0.append(listener) }
    }

    private func publish(_ file: LoggedFile) {
        note(file.position.txid)
        for listener in listeners.withLock({ $0 }) { listener(file) }
    }

    private func note(_ txid: TXID) {
        metrics.durableTXID.set(Double(txid.rawValue))
        metrics.committedTXID.set(Double(txid.rawValue))
    }

    /// Why the last file did not get in, in words; nil if it did.
    var problem: String? { currentProblem.withLock { $0 } }

    // MARK: For the gate

    var position: Position? { log.position }

    func nextHeader(pageSize: UInt32, commit: UInt32) -> Header { log.nextHeader(pageSize: pageSize, commit: commit) }

    func append(_ bytes: [UInt8], _ position: Position, within patience: Duration) async -> FencedLog.AppendOutcome {
        let start = ContinuousClock.now
        let outcome = await log.append(bytes, position, within: patience)
        switch outcome {
        case .committed:
            metrics.putSeconds.observe(.now - start)
            guard let header = try? Header(bytes.span) else { preconditionFailure("committed without a header") }
            currentProblem.withLock { $0 = nil }
            publish(LoggedFile(header: header, position: position, bytes: bytes))
        case .lost:
            metrics.racesLost.add(1)
            metrics.batchesRerun.add(1)
        case .unknown(let error):
            metrics.outcomesUnknown.add(1)
            currentProblem.withLock { $0 = error.map { "\($0)" } ?? "The store did not answer in time." }
        case .refused(let error): currentProblem.withLock { $0 = "\(error)" }
        }
        return outcome
    }

    func fetchNewer() async throws(LogError) -> FencedLog.Newer {
        let newer = try await log.fetchNewer()
        if case .files(let files, _) = newer { fetched.withLock { $0 = files } }
        return newer
    }

    func advance(to position: Position) async {
        await log.advance(to: position)
        let files = fetched.withLock { files in
            defer { files = [] }
            return files
        }
        for file in files where file.position.txid <= position.txid {
            publish(LoggedFile(header: file.header, position: file.position, bytes: file.bytes))
        }
    }
}
