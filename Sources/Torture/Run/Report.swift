internal import Faults

/// What a run did, saw, and found.
package struct Report: Sendable {
    package struct Outcomes: Sendable, Equatable {
        package var acknowledged = 0
        package var refused = 0
        package var ambiguous = 0

        mutating func count(_ outcome: Operation.Outcome) {
            switch outcome {
            case .acknowledged: acknowledged += 1
            case .refused: refused += 1
            case .ambiguous: ambiguous += 1
            }
        }
    }

    package var seed: UInt64
    package var duration: Duration
    package var wasInterrupted = false
    package var verdicts: [Verdict]
    package var tally: Tally
    /// By what was asked: create, change, delete, read.
    package var operations: [(action: String, outcomes: Outcomes)]
    /// The longest time in which no write was acknowledged, and the same while two processes took turns.
    package var longestGap: Duration
    package var longestOverlapGap: Duration?
    /// Requests that began while two processes took turns, and were neither done nor answered with what is there.
    package var overlapFailureCount: Int
    package var restoreTime: Duration?
    package var newestTXID: UInt64?
    /// What was not tried, and why.
    package var omissions: [String] = []
    /// Where the evidence is, if it was kept.
    package var keptIn: [String] = []

    package var isClean: Bool { !verdicts.contains(where: \.isViolated) }

    /// The counts and times of a history.
    package init(_ history: History, _ tally: Tally, _ verdicts: [Verdict], seed: UInt64, duration: Duration) {
        (self.seed, self.duration, self.verdicts, self.tally) = (seed, duration, verdicts, tally)
        var outcomes: [String: Outcomes] = [:]
        for operation in history.operations {
            let action =
                switch operation.action {
                case .create: "create"
                case .change: "change"
                case .delete: "delete"
                case .read: "read"
                }
            outcomes[action, default: Outcomes()].count(operation.outcome)
        }
        operations = ["create", "change", "delete", "read"].map { ($0, outcomes[$0] ?? Outcomes()) }
        let writes = history.operations.filter { $0.serial != nil && $0.outcome == .acknowledged }.map(\.completed)
            .sorted()
        let gaps = zip(writes, writes.dropFirst()).map { (from: $0, to: $1) }
        longestGap = .nanoseconds(gaps.map { $0.to - $0.from }.max() ?? 0)
        longestOverlapGap = tally.overlaps.flatMap { overlap in
            gaps.filter { $0.from <= overlap.upperBound && $0.to >= overlap.lowerBound }.map { $0.to - $0.from }
        }.max().map { .nanoseconds($0) }
        overlapFailureCount = history.operations.count { operation in
            guard operation.outcome != .acknowledged, operation.seen == nil, !operation.isHasty else { return false }
            return tally.overlaps.contains { $0.contains(operation.invoked) }
        }
        newestTXID = history.operations.compactMap(\.txid).max()
    }
}

// MARK: As lines

extension Report {
    /// What people read first, by name; the verdicts have a table of their own.
    package var lines: [(name: String, value: String)] {
        var lines: [(String, String)] = [("time", Self.seconds(duration))]
        for (action, outcomes) in operations {
            lines.append(
                (
                    action,
                    "\(outcomes.acknowledged) acknowledged, \(outcomes.refused) refused, \(outcomes.ambiguous) ambiguous"
                )
            )
        }
        lines.append(("processes", "\(tally.livesCount)"))
        for (reason, count) in tally.kills.sorted(by: { $0.key < $1.key }) {
            lines.append(("killed \(reason)", "\(count)"))
        }
        lines.append(("frozen", "\(tally.freezeCount)"))
        lines.append(("deployed over", "\(tally.deployCount)"))
        lines.append(("stopped", "\(tally.stopCount), of these \(tally.cutOffStopCount) cut off under faults"))
        lines.append(("with a wrong clock", "\(tally.skewCount)"))
        lines.append(("refused to start under faults", "\(tally.refusedStartCount)"))
        if let longest = tally.bootTimes.max() {
            let sorted = tally.bootTimes.sorted()
            lines.append(
                (
                    "start until ready",
                    "\(Self.seconds(sorted[sorted.count / 2])) median, \(Self.seconds(longest)) at most"
                )
            )
        }
        lines.append(("longest gap in writes", Self.seconds(longestGap)))
        if let longestOverlapGap {
            lines.append(("longest gap in a deploy", Self.seconds(longestOverlapGap)))
            lines.append(("failed requests in a deploy", "\(overlapFailureCount)"))
        }
        if let newestTXID { lines.append(("transactions", "\(newestTXID)")) }
        if let restoreTime { lines.append(("restore", Self.seconds(restoreTime))) }
        for (name, value) in tally.counters.values.sorted(by: { $0.key < $1.key }) {
            lines.append((name, "\(Int(value))"))
        }
        lines.append(("seed", "\(seed)"))
        return lines
    }

    private static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration.milliseconds
        let thousandths = String(milliseconds % 1000)
        return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - thousandths.count))\(thousandths) s"
    }
}
