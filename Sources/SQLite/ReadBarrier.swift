internal import Synchronization
internal import Threads

/// Lets readers in until somebody needs the database to themselves.
///
/// Whoever reads holds a right of their own, so that taking it is one write to memory that nobody else writes to.
final class ReadBarrier: Sendable {
    /// One reader's right to have the database open.
    final class Right: Sendable {
        fileprivate let isHeld = Atomic(false)
        private let giveUp = Mutex<(@Sendable () -> Void)?>(nil)

        init() {}

        func whenWanted(_ body: @escaping @Sendable () -> Void) { giveUp.withLock { $0 = body } }

        fileprivate func ask() { giveUp.withLock { $0 }?() }
    }

    private struct State {
        var readers: [WeakReader] = []
        var rights: [WeakRight] = []
        var isClosed = false

        var areRightsFree: Bool {
            rights.allSatisfy { $0.right?.isHeld.load(ordering: .sequentiallyConsistent) != true }
        }
    }

    private struct WeakReader {
        weak var reader: Reader?
    }

    private struct WeakRight {
        weak var right: Right?
    }

    private static let loweredCondition = 0
    private static let leftCondition = 1

    /// How often those who stay too long are interrupted again: they may begin one statement after the other.
    private static let interruptInterval = Duration.milliseconds(20)

    private let isRaised = Atomic(false)
    private let state = Monitor(State(), conditions: 2)

    /// Whether somebody waits for all readers to leave.
    var isWanted: Bool { isRaised.load(ordering: .sequentiallyConsistent) }

    // MARK: For readers

    func add(_ right: Right, of reader: Reader? = nil) {
        state.withLock { state in
            state.rights.removeAll { $0.right == nil }
            state.readers.removeAll { $0.reader == nil }
            state.rights.append(WeakRight(right: right))
            if let reader { state.readers.append(WeakReader(reader: reader)) }
        }
    }

    /// Takes the right, and waits as long as somebody has the database to themselves.
    @inline(__always)
    func enter(_ right: Right) throws {
        // Both sides write first and look then, in one order that all see: one of them sees the other.
        right.isHeld.store(true, ordering: .sequentiallyConsistent)
        if isRaised.load(ordering: .sequentiallyConsistent) { try waitToEnter(right) }
    }

    @inline(__always)
    func leave(_ right: Right) {
        right.isHeld.store(false, ordering: .sequentiallyConsistent)
        if isRaised.load(ordering: .sequentiallyConsistent) { noteLeaving() }
    }

    private func waitToEnter(_ right: Right) throws {
        while true {
            right.isHeld.store(false, ordering: .sequentiallyConsistent)
            noteLeaving()
            let isClosed = state.wait(for: Self.loweredCondition) { state -> Bool? in
                guard !state.isClosed else { return true }
                return isRaised.load(ordering: .sequentiallyConsistent) ? nil : false
            }
            guard !isClosed else { throw WriteFailure.closed }
            right.isHeld.store(true, ordering: .sequentiallyConsistent)
            guard isRaised.load(ordering: .sequentiallyConsistent) else { return }
        }
    }

    private func noteLeaving() {
        // With the lock taken once, whoever checks the rights has either seen this one or waits for the signal.
        state.withLock { _ in }
        state.signal(Self.leftCondition)
    }

    // MARK: For whoever needs the database

    /// Keeps new readers out, and waits for those inside.
    ///
    /// - Parameters:
    ///   - patience: How long they may finish; after that their statements are interrupted.
    ///   - limit: How long to wait at most.
    /// - Returns: Whether all are out; if not, readers are let in again.
    func raise(patience: Duration, limit: Duration) -> Bool {
        isRaised.store(true, ordering: .sequentiallyConsistent)
        for right in state.withLock({ $0.rights.compactMap(\.right) }) { right.ask() }
        let start = MonotonicTime.now
        let end = start.advanced(by: limit)
        var next = start.advanced(by: patience)
        while true {
            let isFree = state.wait(for: Self.leftCondition, until: { _ in min(next, end) }) { state -> Bool? in
                if state.areRightsFree { return true }
                return MonotonicTime.now >= min(next, end) ? false : nil
            }
            if isFree { return true }
            guard MonotonicTime.now < end else {
                lower()
                return false
            }
            for reader in readers { reader.interrupt() }
            next = .now.advanced(by: Self.interruptInterval)
        }
    }

    /// Closes the readers' connections, with the barrier raised; each opens one again when it reads next.
    func closeReaders() {
        for reader in readers { reader.closeConnection() }
    }

    func lower() {
        isRaised.store(false, ordering: .sequentiallyConsistent)
        state.withLock { _ in }
        state.broadcast(Self.loweredCondition)
    }

    /// Keeps new readers out for good: they fail, and so do those who wait.
    func close() {
        state.withLock { $0.isClosed = true }
        state.broadcast(Self.loweredCondition)
    }

    private var readers: [Reader] { state.withLock { $0.readers.compactMap(\.reader) } }
}
