extension Checker {
    /// Looks for an order of each row's writes that explains what was seen.
    mutating func checkRows() {
        var rows = Set(reads.keys)
        var changes: [RowID: [Write]] = [:]
        for write in writes.values {
            for row in write.rows {
                changes[row, default: []].append(write)
                rows.insert(row)
            }
        }
        for row in rows.sorted(by: { ($0.kind.rawValue, $0.id) < ($1.kind.rawValue, $1.id) }) {
            check(row, (changes[row] ?? []).sorted { $0.begin < $1.begin })
        }
    }

    private mutating func check(_ row: RowID, _ candidates: [Write]) {
        let reads = reads[row] ?? []
        // A value in the end was noted before: such writes are done.
        let done = candidates.filter { $0.isDone && !$0.isDelete }
        let deletes = candidates.filter { $0.isDelete && ($0.isAcknowledged || $0.isAmbiguous) }
        guard !done.isEmpty else { return }
        count(.order, reads.count)

        var order = Order(done.map(\.serial))
        for one in done {
            for other in done where one.serial != other.serial {
                if one.end < other.begin || one.isCreate { order.add(one.serial, before: other.serial) }
            }
        }
        addReads(reads, done, to: &order)
        checkReturns(row, reads, deletes)
        let isGone = checkAbsence(row, reads, done, deletes)
        addDeletes(reads, deletes, isGone: isGone, to: &order)
        if let cycle = order.cycle() {
            let story = story(cycle)
            return report(.order, "\(row): no order of its writes explains what was seen: \(story)")
        }
        if let final {
            switch final.rows[row] ?? .absent {
            case .value(let serial):
                for write in done where write.serial != serial { order.add(write.serial, before: serial) }
                if let delete = deletes.first(where: { $0.isAcknowledged || isGone != nil }) {
                    let check: Verdict.Check = delete.isAcknowledged ? .kept : .order
                    report(check, "\(row) was deleted by \(delete.description), and is there again with #\(serial)")
                    return
                }
            case .torn: return  // reported where it was seen
            case .absent:
                guard deletes.isEmpty else { break }
                let lost = done.map(\.description).joined(separator: "; ")
                let check: Verdict.Check = done.contains { $0.isAcknowledged } ? .kept : .order
                report(check, "\(row) is not there and nobody deleted it: \(lost)")
                return
            }
        }
        // What contradicts the final state alone: a value that is there, and should have been overwritten.
        guard let cycle = order.cycle() else { return }
        let check: Verdict.Check = cycle.allSatisfy { writes[$0]?.isAcknowledged == true } ? .kept : .order
        let story = story(cycle)
        report(check, "\(row): no order of its writes explains what is there in the end: \(story)")
    }

    private func story(_ cycle: [Int]) -> String {
        cycle.map { $0 == Self.deletion ? "deleted" : writes[$0]?.description ?? "#\($0)" }.joined(separator: " → ")
            + " → …"
    }

    /// Stands for whichever delete did it.
    private static let deletion = -1

    /// What a process showed stands in the order in which it showed it, behind all that it must have known.
    private func addReads(_ reads: [Read], _ done: [Write], to order: inout Order) {
        var shown: [Int: [(completed: Int64, serial: Int)]] = [:]
        for read in reads.sorted(by: { $0.invoked < $1.invoked }) {
            guard case .value(let serial) = read.seen, order.contains(serial) else { continue }
            for write in done where write.serial != serial && isKnown(write, to: read) {
                order.add(write.serial, before: serial)
            }
            for earlier in shown[read.life] ?? [] where earlier.completed < read.invoked && earlier.serial != serial {
                order.add(earlier.serial, before: serial)
            }
            shown[read.life, default: []].append((read.completed, serial))
        }
    }

    /// Whether the process that answered the read must have had the write by then.
    private func isKnown(_ write: Write, to read: Read) -> Bool {
        if let start = starts[read.life], write.end < start { return true }
        if let txid = write.txid, let txidMin = read.txidMin, txid <= txidMin { return true }
        return write.acknowledgements.contains { $0.life == read.life && $0.completed < read.invoked }
    }

    /// Reports absence that no delete explains.
    ///
    /// - Returns: When the row was first seen to be gone, by a process that knew it.
    private mutating func checkAbsence(
        _ row: RowID,
        _ reads: [Read],
        _ done: [Write],
        _ deletes: [Write]
    ) -> Int64? {
        var gone: Int64?
        for read in reads where read.seen == .absent {
            let wasShown = reads.contains { earlier in
                guard earlier.life == read.life, earlier.completed < read.invoked else { return false }
                guard case .value = earlier.seen else { return false }
                return true
            }
            guard let known = done.first(where: { isKnown($0, to: read) }) ?? (wasShown ? done.first : nil) else {
                continue
            }
            guard deletes.contains(where: { $0.begin <= read.completed }) else {
                report(.order, "\(row) was missing in process \(read.life), which must have had \(known.description)")
                continue
            }
            gone = min(gone ?? .max, read.completed)
        }
        return gone
    }

    /// Reports a row that was shown by a process that knew its deletion, and one that was deleted twice.
    private mutating func checkReturns(_ row: RowID, _ reads: [Read], _ deletes: [Write]) {
        let acknowledged = deletes.filter(\.isAcknowledged)
        if acknowledged.count > 1 {
            report(.order, "\(row) was deleted by \(acknowledged.map(\.description).joined(separator: " and by "))")
        }
        for read in reads {
            guard case .value(let serial) = read.seen else { continue }
            if let delete = acknowledged.first(where: { isKnown($0, to: read) }) {
                let story = "which must have had \(delete.description)"
                report(.order, "\(row) was there with #\(serial) in process \(read.life), \(story)")
            }
        }
    }

    /// A deletion is the last write of its row, right behind the value that it found.
    private func addDeletes(_ reads: [Read], _ deletes: [Write], isGone gone: Int64?, to order: inout Order) {
        let acknowledged = deletes.filter(\.isAcknowledged)
        let end = (acknowledged.map(\.end) + [gone].compactMap(\.self)).min()
        guard let end else { return }
        let deletion = Self.deletion
        order.add(node: deletion)
        for serial in order.nodes where serial != deletion {
            order.add(serial, before: deletion)
            if let write = writes[serial], end < write.begin { order.add(deletion, before: serial) }
        }
        for delete in acknowledged {
            guard case .value(let found)? = found(by: delete, reads), order.contains(found) else { continue }
            for serial in order.nodes where serial != deletion && serial != found { order.add(serial, before: found) }
        }
    }

    /// What a delete's own answer shows.
    private func found(by delete: Write, _ reads: [Read]) -> Seen? {
        guard let acknowledgement = delete.acknowledgements.first else { return nil }
        return reads.first { $0.life == acknowledgement.life && $0.completed == acknowledgement.completed }?.seen
    }
}

/// Which of a row's writes come before which.
struct Order {
    private(set) var nodes: [Int]
    private var after: [Int: Set<Int>] = [:]

    init(_ nodes: [Int]) { self.nodes = nodes }

    func contains(_ node: Int) -> Bool { nodes.contains(node) }

    mutating func add(node: Int) { nodes.append(node) }

    mutating func add(_ one: Int, before other: Int) { after[one, default: []].insert(other) }

    /// Writes each of which comes before the next, and the last before the first; nil if there is an order.
    func cycle() -> [Int]? {
        var done: Set<Int> = []
        for start in nodes where !done.contains(start) {
            // Without recursion: the path, and for each of its nodes what is left to visit.
            var path = [start]
            var left = [Array(after[start] ?? []).sorted()]
            while let node = path.last {
                guard let next = left[left.count - 1].popLast() else {
                    done.insert(node)
                    path.removeLast()
                    left.removeLast()
                    continue
                }
                if let place = path.firstIndex(of: next) { return Array(path[place...]) }
                guard !done.contains(next) else { continue }
                path.append(next)
                left.append(Array(after[next] ?? []).sorted())
            }
        }
        return nil
    }
}
