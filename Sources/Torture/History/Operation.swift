/// The tables that the workload writes to.
package enum Kind: String, Sendable, CaseIterable, Hashable {
    case task, user, paste
}

/// A row, by the name under which a client knows it.
package struct RowID: Hashable, Sendable, CustomStringConvertible {
    package let kind: Kind
    package let id: String

    package init(_ kind: Kind, _ id: String) { (self.kind, self.id) = (kind, id) }

    package var description: String { "\(kind.rawValue) \(id)" }
}

/// One request of a client, from its first byte to the end of its answer.
package struct Operation: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        case create(Kind)
        case change(RowID)
        case delete(RowID)
        case read(RowID)
    }

    package enum Outcome: Sendable, Equatable {
        /// A 2xx: it is done, and for good.
        case acknowledged
        /// The service says that nothing was done, or the request never left.
        case refused
        /// Nobody said: it may be done, now or later.
        case ambiguous
    }

    package var action: Action
    /// The number of the write, for all attempts at it; reads have none.
    package var serial: Int?
    /// The process that was asked, by the number of its life.
    package var life: Int
    /// Nanoseconds of one clock for the whole run.
    package var invoked: Int64
    package var completed: Int64
    package var outcome: Outcome
    /// The row that a create made, as the answer says.
    package var row: RowID?
    /// What the answer shows: of a read the value, of a delete what was deleted.
    package var seen: Seen?
    /// The transaction, from the answer's `X-Replicated-TXID`.
    package var txid: UInt64?
    /// The transaction that the read asked for, by `X-Min-TXID`.
    package var txidMin: UInt64?
    /// An answer that the service has no reason to give: its status and some of it.
    package var surprise: String?
    /// The client gave up so early that no answer could have come.
    package var isHasty = false

    package init(
        _ action: Action,
        serial: Int? = nil,
        life: Int,
        invoked: Int64,
        completed: Int64,
        _ outcome: Outcome,
        row: RowID? = nil,
        seen: Seen? = nil,
        txid: UInt64? = nil,
        txidMin: UInt64? = nil,
        surprise: String? = nil
    ) {
        (self.action, self.serial, self.life, self.outcome) = (action, serial, life, outcome)
        (self.invoked, self.completed) = (invoked, completed)
        (self.row, self.seen, self.txid, self.txidMin) = (row, seen, txid, txidMin)
        self.surprise = surprise
    }
}

extension Operation {
    /// All of it, for people.
    var line: String {
        var words = ["\(invoked)-\(completed)", "process \(life)"]
        if let serial { words.append("#\(serial)") }
        words += ["\(action)", "\(outcome)"]
        if let row { words.append("made \(row)") }
        if let seen { words.append("saw \(seen)") }
        if let txid { words.append("transaction \(txid)") }
        if let txidMin { words.append("since transaction \(txidMin)") }
        if let surprise { words.append(surprise) }
        return words.joined(separator: " ")
    }
}

/// A process of the service: everything that was acknowledged before it started, it has restored.
package struct Life: Sendable, Equatable {
    package let number: Int
    package let started: Int64

    package init(number: Int, started: Int64) { (self.number, self.started) = (number, started) }
}

/// What is there when everything has ended.
package struct FinalState: Sendable, Equatable {
    package var rows: [RowID: Seen]

    package init(_ rows: [RowID: Seen]) { self.rows = rows }
}

/// Everything that clients did and saw.
package struct History: Sendable {
    package var operations: [Operation]
    package var lives: [Life]

    package init(_ operations: [Operation], lives: [Life]) { (self.operations, self.lives) = (operations, lives) }
}
