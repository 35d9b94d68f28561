internal import Synchronization

/// What clients tell each other: which rows there are to write to, and the next number of a write.
final class Board: Sendable {
    /// Few enough that clients meet at the same rows.
    private static let rowsMax = 48

    private struct State {
        var rows: [RowID] = []
        var pastes: Set<RowID> = []
        var serial = 0
        var txid: UInt64?
    }

    private let state = Mutex(State())

    func nextSerial() -> Int {
        state.withLock { state in
            state.serial += 1
            return state.serial
        }
    }

    func add(_ row: RowID) {
        state.withLock { state in
            state.rows.append(row)
            if state.rows.count > Self.rowsMax { state.rows.removeFirst() }
            if row.kind == .paste { state.pastes.insert(row) }
        }
    }

    func remove(_ row: RowID) { state.withLock { $0.rows.removeAll { $0 == row } } }

    func note(_ txid: UInt64) { state.withLock { $0.txid = max($0.txid ?? 0, txid) } }

    /// The newest transaction that anybody was told of.
    var txid: UInt64? { state.withLock(\.txid) }

    var rows: [RowID] { state.withLock(\.rows) }

    /// Every paste that was acknowledged: they cannot be listed.
    var pastes: Set<RowID> { state.withLock(\.pastes) }
}

/// Everything that was recorded, in the order in which it ended.
final class Recorder: Sendable {
    /// About a quarter of a gigabyte.
    static let operationsMax = 1_000_000

    private let operations = Mutex<[Operation]>([])

    func add(_ operation: Operation) { operations.withLock { $0.append(operation) } }

    var all: [Operation] { operations.withLock(\.self) }
    var isFull: Bool { operations.withLock { $0.count >= Self.operationsMax } }
}
