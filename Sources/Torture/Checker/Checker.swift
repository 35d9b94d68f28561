/// Compares what clients were told with what is there.
///
/// Pure: a history and a final state in, verdicts out. Writes of one row must have an order that explains everything:
/// that of real time (what ended before another began comes first), what each process showed one after the other, and
/// what is there in the end. A read may be old, since an instance learns of another's writes only when it asks; but it
/// must not be older than what its process has restored, written or shown before, nor show what is lost later.
package struct Checker {
    /// More of one kind say nothing new.
    static let violationsMax = 20

    let history: History
    let final: FinalState?
    var writes: [Int: Write] = [:]
    /// By row, in the order of the history.
    var reads: [RowID: [Read]] = [:]
    var verdicts: [Verdict.Check: Verdict] = [:]
    let starts: [Int: Int64]

    /// Somebody saw a row.
    struct Read {
        let life: Int
        let invoked: Int64
        let completed: Int64
        let seen: Seen
        let txidMin: UInt64?
    }

    private init(_ history: History, _ final: FinalState?) {
        (self.history, self.final) = (history, final)
        starts = Dictionary(history.lives.map { ($0.number, $0.started) }) { first, _ in first }
    }

    /// The verdicts on everything that follows from history and final state; without the latter, on what clients saw.
    package static func check(_ history: History, _ final: FinalState?) -> [Verdict] {
        var checker = Checker(history, final)
        checker.collect()
        checker.checkAnswers()
        checker.checkSeen()
        checker.checkIDs()
        checker.checkRows()
        checker.checkReceipts()
        let checks: [Verdict.Check] = [.kept, .whole, .refused, .known, .order, .ids, .retries, .receipts, .answers]
        return checks.map { checker.verdicts[$0] ?? Verdict($0) }
    }

    mutating func report(_ check: Verdict.Check, _ message: @autoclosure () -> String) {
        let known = verdicts[check, default: Verdict(check)].violations.count
        guard known < Self.violationsMax else { return }
        verdicts[check, default: Verdict(check)].violations.append(message())
    }

    mutating func count(_ check: Verdict.Check, _ count: Int = 1) {
        verdicts[check, default: Verdict(check)].count += count
    }

    // MARK: Collecting

    private mutating func collect() {
        for operation in history.operations {
            if let serial = operation.serial, let new = Write(operation) {
                writes[serial, default: new].add(operation)
            }
            guard let seen = operation.seen else { continue }
            switch operation.action {
            case .read(let row), .delete(let row), .change(let row):
                // What a delete or a change answers is the state inside its own transaction.
                reads[row, default: []].append(
                    Read(
                        life: operation.life,
                        invoked: operation.invoked,
                        completed: operation.completed,
                        seen: seen,
                        txidMin: operation.txidMin
                    )
                )
            case .create: break
            }
        }
    }

    private mutating func checkAnswers() {
        for operation in history.operations {
            count(.answers)
            if let surprise = operation.surprise { report(.answers, "\(operation.action): \(surprise)") }
        }
    }

    /// Every value that anybody saw: known, whole, not refused, and in its own row.
    private mutating func checkSeen() {
        for (row, reads) in reads {
            for read in reads { note(read.seen, in: row, at: read.completed, "a client read") }
        }
        for (row, seen) in final?.rows ?? [:] { note(seen, in: row, at: .max - 1, "in the end there is") }
        for write in writes.values {
            if write.isRefused { count(.refused) }
            if write.isAmbiguous { count(.whole) }
        }
    }

    private mutating func note(_ seen: Seen, in row: RowID, at time: Int64, _ who: String) {
        count(.known)
        switch seen {
        case .absent: return
        case .torn(let text): report(.whole, "\(who) \(row) with what no write wrote: \(text)")
        case .value(let serial):
            guard var write = writes[serial], write.kind == row.kind, !write.isDelete else {
                return report(.known, "\(who) \(row) with #\(serial), which nobody wrote there")
            }
            if write.isRefused { report(.refused, "\(who) \(row) with \(write.description)") }
            if case .change(let target) = write.target, target != row {
                report(.known, "\(who) \(row) with \(write.description)")
            }
            write.isSeen = true
            write.end = min(write.end, time)
            if write.isCreate { write.rows.insert(row) }
            writes[serial] = write
        }
    }

    // MARK: Ids

    private mutating func checkIDs() {
        var owners: [RowID: Int] = [:]
        for write in writes.values.sorted(by: { $0.serial < $1.serial }) where write.isCreate {
            if write.attemptCount > 1 { count(.retries) }
            if write.isAcknowledged { count(.kept) }
            if write.rows.count > 1 {
                let rows = write.rows.map(\.description).sorted().joined(separator: ", ")
                report(
                    write.attemptCount > 1 ? .retries : .kept,
                    "\(write.description) is there more than once: \(rows)"
                )
            }
            for row in write.rows {
                count(.ids)
                if let owner = owners[row] {
                    report(.ids, "\(row) was given to #\(owner) and to \(write.description)")
                } else {
                    owners[row] = write.serial
                }
            }
            if final != nil, write.isAcknowledged, write.rows.isEmpty {
                report(.kept, "\(write.description) is not there; its answer was cut off before it named the row")
            }
        }
    }

    // MARK: Receipts

    /// A write that begins after another was answered has a later transaction, and no two processes share one.
    private mutating func checkReceipts() {
        let receipts = writes.values.filter { $0.txid != nil && $0.isAcknowledged }
        var owners: [UInt64: Int] = [:]
        for write in receipts {
            guard let txid = write.txid, let life = write.acknowledgements.first?.life else { continue }
            count(.receipts)
            if let owner = owners[txid], owner != life {
                report(.receipts, "transaction \(txid) was acknowledged by process \(owner) and by process \(life)")
            }
            owners[txid] = life
        }
        let byEnd = receipts.sorted { $0.end < $1.end }
        var ended = 0
        var newest: Write?
        for write in receipts.sorted(by: { $0.begin < $1.begin }) {
            while ended < byEnd.count, byEnd[ended].end < write.begin {
                if byEnd[ended].txid ?? 0 > newest?.txid ?? 0 { newest = byEnd[ended] }
                ended += 1
            }
            guard let txid = write.txid, let newest, let earlier = newest.txid, earlier >= txid else { continue }
            report(
                .receipts,
                "\(write.description) has transaction \(txid), and \(newest.description) before it had \(earlier)"
            )
        }
    }
}
