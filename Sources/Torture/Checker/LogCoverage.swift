/// Which transactions a replica's files hold.
package struct LogCoverage: Sendable {
    package struct File: Sendable, Equatable {
        package let level: Int
        package let min: UInt64
        package let max: UInt64

        package init(level: Int, min: UInt64, max: UInt64) { (self.level, self.min, self.max) = (level, min, max) }
    }

    private let files: [File]

    package init(_ files: [File]) { self.files = files }

    /// Every transaction from 1 to the newest is in some file, and no level has a hole or an overlap.
    package func verdict(newestKnown txid: UInt64?) -> Verdict {
        var verdict = Verdict(.gapless, count: files.count)
        var reached: UInt64 = 0
        for file in files.sorted(by: { ($0.min, $0.max) < ($1.min, $1.max) }) {
            if file.min > reached + 1 {
                verdict.violations.append("no file has transactions \(reached + 1) to \(file.min - 1)")
            }
            reached = max(reached, file.max)
        }
        if let txid, txid > reached {
            verdict.violations.append("transaction \(txid) was acknowledged, and the log ends with \(reached)")
        }
        // Snapshots all begin with the first transaction.
        for (level, files) in Dictionary(grouping: files, by: \.level) where level < 9 {
            let sorted = files.sorted { $0.min < $1.min }
            for (one, next) in zip(sorted, sorted.dropFirst()) where next.min != one.max + 1 {
                verdict.violations.append(
                    "level \(level): \(one.min)-\(one.max) is followed by \(next.min)-\(next.max)"
                )
            }
        }
        for file in files where file.level == 0 && file.min != file.max {
            verdict.violations.append("level 0 has \(file.min)-\(file.max), which is more than one transaction")
        }
        verdict.violations = Array(verdict.violations.prefix(Checker.violationsMax))
        return verdict
    }

    /// What a file of level 0 says of itself and of the one before.
    package struct Link: Sendable, Equatable {
        package let txid: UInt64
        package let checksum: UInt64
        /// Nil if it does not say.
        package let predecessor: UInt64?

        package init(txid: UInt64, checksum: UInt64, predecessor: UInt64?) {
            (self.txid, self.checksum, self.predecessor) = (txid, checksum, predecessor)
        }
    }

    /// No file was put in the place of another, nor behind one that is not there any more.
    package static func chain(_ links: [Link]) -> Verdict {
        var verdict = Verdict(.chain)
        let links = links.sorted { $0.txid < $1.txid }
        for (one, next) in zip(links, links.dropFirst()) where next.txid == one.txid + 1 {
            verdict.count += 1
            guard let predecessor = next.predecessor, predecessor != one.checksum else { continue }
            verdict.violations.append("transaction \(next.txid) was written behind another \(one.txid) than there is")
        }
        verdict.violations = Array(verdict.violations.prefix(Checker.violationsMax))
        return verdict
    }
}
