import Dispatch
import SQLite
import Synchronization

/// Lets through, and counts.
final class CountingGate: CommitGate {
    private let commits = Atomic(0)

    var commitCount: Int { commits.load(ordering: .sequentiallyConsistent) }

    func commit(_ connection: Connection) throws -> UInt64? {
        commits.add(1, ordering: .sequentiallyConsistent)
        try connection.commit()
        return nil
    }
}

/// Numbers the commits from 1, as a log does.
final class NumberingGate: CommitGate {
    private let commits = Atomic<UInt64>(0)

    func commit(_ connection: Connection) throws -> UInt64? {
        try connection.commit()
        return commits.add(1, ordering: .sequentiallyConsistent).newValue
    }
}

/// The first commit goes to the first gate, and so on; the last gate gets the rest.
final class GateSequence: CommitGate {
    private let gates: [any CommitGate]
    private let commits = Atomic(0)

    init(_ gates: any CommitGate...) { self.gates = gates }

    func commit(_ connection: Connection) throws -> UInt64? {
        let index = commits.add(1, ordering: .sequentiallyConsistent).oldValue
        return try gates[min(index, gates.count - 1)].commit(connection)
    }
}

/// Refuses as many commits as it is told to.
final class RefusingGate: CommitGate {
    struct Refusal: Error {}

    private let refusals: Mutex<Int>

    init(refusals: Int) { self.refusals = Mutex(refusals) }

    func commit(_ connection: Connection) throws -> UInt64? {
        let isRefused = refusals.withLock { refusals in
            defer { refusals = max(0, refusals - 1) }
            return refusals > 0
        }
        if isRefused { throw Refusal() }
        try connection.commit()
        return nil
    }
}

/// Holds each commit up until it is opened, for good.
final class BlockingGate: CommitGate {
    private let opened = DispatchSemaphore(value: 0)
    private let commits = Atomic(0)
    private let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)

    var commitCount: Int { commits.load(ordering: .sequentiallyConsistent) }

    func commit(_ connection: Connection) throws -> UInt64? {
        commits.add(1, ordering: .sequentiallyConsistent)
        arrival.yield()
        opened.wait()
        opened.signal()
        try connection.commit()
        return nil
    }

    /// Returns when a commit stands at the gate.
    func blocks() async {
        for await _ in arrivals { return }
    }

    func open() { opened.signal() }
}
