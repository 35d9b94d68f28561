/// All attempts at one write, and what is known of its effect.
struct Write {
    enum Target {
        case create(Kind)
        case change(RowID)
        case delete(RowID)
    }

    let serial: Int
    let target: Target
    var begin: Int64
    /// When it was certainly done: by its answer, or because somebody saw it; `Int64.max` if never.
    var end = Int64.max
    var isAcknowledged = false
    var isAmbiguous = false
    var isSeen = false
    var attemptCount = 0
    /// The rows that answers gave it, and those in which it was seen.
    var rows: Set<RowID> = []
    /// Of an attempt that was acknowledged and the only one.
    var txid: UInt64?
    /// The lives that acknowledged it, and when.
    var acknowledgements: [(life: Int, completed: Int64)] = []

    /// Whether it is certain that it was done.
    var isDone: Bool { isAcknowledged || isSeen }
    /// Whether it cannot have been done, if everybody told the truth.
    var isRefused: Bool { !isAcknowledged && !isAmbiguous }

    var kind: Kind {
        switch target {
        case .create(let kind): kind
        case .change(let row), .delete(let row): row.kind
        }
    }

    var isDelete: Bool { if case .delete = target { true } else { false } }
    var isCreate: Bool { if case .create = target { true } else { false } }

    init?(_ operation: Operation) {
        guard let serial = operation.serial else { return nil }
        self.serial = serial
        begin = operation.invoked
        switch operation.action {
        case .create(let kind): target = .create(kind)
        case .change(let row):
            target = .change(row)
            rows = [row]
        case .delete(let row):
            target = .delete(row)
            rows = [row]
        case .read: return nil
        }
    }

    mutating func add(_ operation: Operation) {
        attemptCount += 1
        begin = min(begin, operation.invoked)
        switch operation.outcome {
        case .acknowledged:
            isAcknowledged = true
            end = min(end, operation.completed)
            if let row = operation.row { rows.insert(row) }
            acknowledgements.append((operation.life, operation.completed))
            txid = attemptCount == 1 ? operation.txid : nil
        case .ambiguous:
            isAmbiguous = true
            txid = nil
        case .refused: break
        }
    }

    /// For messages.
    var description: String {
        let what =
            switch target {
            case .create(let kind): "create \(kind.rawValue)"
            case .change(let row): "change \(row)"
            case .delete(let row): "delete \(row)"
            }
        let how = isAcknowledged ? "acknowledged" : isAmbiguous ? "ambiguous" : "refused"
        return "#\(serial) \(what) (\(how)\(isSeen ? ", seen" : ""))"
    }
}
