import Domain
import LTX
import ObjectStore
import Replication
import SQLite
import Synchronization

/// Asks the log whether others have written, for reads that must not miss it; all that wait share one look.
final class LogFreshness: ReadFreshness {
    private struct State {
        /// When the look that is under way began.
        var beganAt: Duration?
        var waiting: [OneAnswer] = []
    }

    private let log: FencedLog
    private let database: Database
    private let maxStaleness: Duration?
    private let clock: StoreClock
    private let state = Mutex(State())

    /// The wait before the log is asked again for a receipt that it does not have yet; it doubles from time to time.
    private static let pauseMin = Duration.milliseconds(50)
    private static let pauseMax = Duration.seconds(1)

    init(_ log: FencedLog, _ database: Database, maxStaleness: Duration?, clock: StoreClock = .system) {
        (self.log, self.database, self.maxStaleness, self.clock) = (log, database, maxStaleness, clock)
    }

    var boundsStaleness: Bool { maxStaleness != nil }

    func reach(_ receipt: Domain.Receipt?, within patience: Duration) async throws {
        let arrival = clock.elapsed()
        let deadline = arrival + patience
        var pause = Self.pauseMin
        // A receipt proves that its transaction was there: nothing has to be asked once it is here.
        while !(has(receipt) && (receipt != nil || isFresh(at: arrival))) {
            let left = deadline - clock.elapsed()
            guard left > .zero else { throw Self.late(receipt) }
            let problem = await look(within: left)
            guard !has(receipt) else { continue }
            // The log is behind the receipt, or could not be asked.
            guard clock.elapsed() + pause < deadline else { throw Self.late(receipt, problem) }
            try await clock.sleep(pause)
            pause = min(pause * 2, Self.pauseMax)
        }
        database.endSnapshot()
    }

    private func has(_ receipt: Domain.Receipt?) -> Bool {
        guard let receipt else { return true }
        return log.position.map { $0.txid.rawValue >= receipt.txid } ?? false
    }

    private func isFresh(at arrival: Duration) -> Bool {
        guard let maxStaleness else { return true }
        return log.currentAt.map { $0 >= arrival - maxStaleness } ?? false
    }

    private static func late(_ receipt: Domain.Receipt?, _ problem: (any Error)? = nil) -> AppError {
        let detail =
            receipt == nil
            ? "The log could not be asked in time whether this is the newest state."
            : "This instance has not seen that transaction in time; it may not exist, or the log cannot be reached."
        return .notReplicated(detail, cause: problem.map { "\($0)" })
    }

    // MARK: Looking

    /// Waits for the look that is under way, or for one that begins now; what went wrong, if anything.
    private func look(within patience: Duration) async -> (any Error)? {
        var end: Task<Void, Never>?
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Void, any Error>, Never>) in
            let answer = OneAnswer(continuation)
            let begins = state.withLock { state in
                state.waiting.append(answer)
                guard state.beganAt == nil else { return false }
                state.beganAt = clock.elapsed()
                return true
            }
            if begins { Task.detached { await self.lookNow() } }
            end = Task.detached { [clock] in
                // Cancelled, it is given already.
                try? await clock.sleep(patience)
                answer.give(.failure(CancellationError()))
            }
        }
        // However many reads ask in a second, those that were answered leave nothing behind.
        end?.cancel()
        if case .failure(let error) = result { return error }
        return nil
    }

    private func lookNow() async {
        let result: Result<Void, any Error>
        do {
            if try await log.peek() == .behind { try await database.catchUp() }
            result = .success(())
        } catch { result = .failure(error) }
        let waiting = state.withLock { state in
            defer { state = State() }
            return state.waiting
        }
        for answer in waiting { answer.give(result) }
    }
}

/// An answer that is given once, by whoever is first.
private final class OneAnswer: Sendable {
    private let continuation: Mutex<CheckedContinuation<Result<Void, any Error>, Never>?>

    init(_ continuation: CheckedContinuation<Result<Void, any Error>, Never>) {
        self.continuation = Mutex(continuation)
    }

    func give(_ result: Result<Void, any Error>) {
        continuation.withLock { $0.take() }?.resume(returning: result)
    }
}
