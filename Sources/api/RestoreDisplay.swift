import CLI
import Replication

/// Tells how far a restore has come: a bar that is drawn over on a terminal, a line now and then elsewhere.
struct RestoreDisplay: Sendable {
    private let progress: RestoreProgress
    private let console: Console
    private let interval: Duration
    private static let barWidth = 24

    init(_ progress: RestoreProgress, _ console: Console, isVerbose: Bool) {
        self.progress = progress
        self.console = console
        interval = console.messages.isTerminal ? .milliseconds(100) : isVerbose ? .seconds(1) : .seconds(10)
    }

    /// Until the task is cancelled.
    func run() async {
        let start = ContinuousClock.now
        while (try? await Task.sleep(for: interval)) != nil {
            let line = text(progress.state, seconds: (ContinuousClock.now - start) / .seconds(1))
            if console.messages.isTerminal {
                try? console.messages.write("\r\u{1B}[K" + line)
            } else {
                console.message(line)
            }
        }
        if console.messages.isTerminal { try? console.messages.write("\r\u{1B}[K") }
    }

    private func text(_ state: RestoreProgress.State, seconds: Double) -> String {
        switch state.phase {
        case .listing: return "Looking at what the replica holds …"
        case .checking: return "Checking the database …"
        case .fetching: break
        }
        let (done, all) = (state.bytesFetched, max(state.bytesPlanned, 1))
        let rate = Double(done) / max(seconds, 0.001)
        let left = rate > 0 ? "\(Int(Double(all - done) / rate + 0.5)) s left" : "waiting for the replica"
        let amount = "\(ByteCount.text(done)) of \(ByteCount.text(all)), \(ByteCount.text(Int(rate)))/s, \(left)"
        guard console.messages.isTerminal else { return "Restoring: \(amount)" }
        let filled = min(Self.barWidth, Self.barWidth * done / all)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.barWidth - filled)
        return "\(bar) \(amount)"
    }
}

/// Numbers of bytes, for people.
enum ByteCount {
    static func text(_ count: Int) -> String {
        var (value, unit) = (Double(count), 0)
        let units = ["B", "KB", "MB", "GB", "TB"]
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return unit == 0 ? "\(count) B" : "\(Double(Int(value * 10)) / 10) \(units[unit])"
    }
}
