import Torture

/// Histories written down by hand: operations in the order of their beginning, times in whatever unit.
struct HistoryBuilder {
    private(set) var operations: [Operation] = []
    var lives: [Life] = [Life(number: 1, started: 0), Life(number: 2, started: 0)]

    static let row = RowID(.task, "1")
    static let other = RowID(.task, "2")

    mutating func create(
        _ serial: Int,
        _ times: ClosedRange<Int64>,
        _ outcome: Operation.Outcome = .acknowledged,
        life: Int = 1,
        row: RowID? = HistoryBuilder.row,
        txid: UInt64? = nil
    ) {
        add(
            Operation(
                .create(.task),
                serial: serial,
                life: life,
                invoked: times.lowerBound,
                completed: times.upperBound,
                outcome,
                row: outcome == .acknowledged ? row : nil,
                txid: txid
            )
        )
    }

    mutating func change(
        _ serial: Int,
        _ times: ClosedRange<Int64>,
        _ outcome: Operation.Outcome = .acknowledged,
        life: Int = 1,
        row: RowID = HistoryBuilder.row,
        txid: UInt64? = nil
    ) {
        add(
            Operation(
                .change(row),
                serial: serial,
                life: life,
                invoked: times.lowerBound,
                completed: times.upperBound,
                outcome,
                seen: outcome == .acknowledged ? .value(serial) : nil,
                txid: txid
            )
        )
    }

    mutating func delete(
        _ serial: Int,
        _ times: ClosedRange<Int64>,
        _ outcome: Operation.Outcome = .acknowledged,
        life: Int = 1,
        found: Seen? = nil
    ) {
        add(
            Operation(
                .delete(Self.row),
                serial: serial,
                life: life,
                invoked: times.lowerBound,
                completed: times.upperBound,
                outcome,
                seen: found
            )
        )
    }

    mutating func read(
        _ seen: Seen,
        _ times: ClosedRange<Int64>,
        life: Int = 1,
        row: RowID = HistoryBuilder.row,
        txidMin: UInt64? = nil
    ) {
        add(
            Operation(
                .read(row),
                life: life,
                invoked: times.lowerBound,
                completed: times.upperBound,
                .acknowledged,
                seen: seen,
                txidMin: txidMin
            )
        )
    }

    mutating func add(_ operation: Operation) { operations.append(operation) }

    /// The checks that are violated.
    func violated(_ final: [RowID: Seen]?) -> [Verdict.Check] {
        Checker.check(History(operations, lives: lives), final.map(FinalState.init)).filter(\.isViolated).map(\.check)
    }
}
