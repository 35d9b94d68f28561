internal import Synchronization

/// A count that only grows.
///
/// One relaxed addition on the hot path; a scrape may see two counters at slightly different moments.
package final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)
    /// How many counts make one of the unit that is shown: 1,000,000,000 for nanoseconds shown as seconds.
    private let scale: UInt64

    package init() { scale = 1 }

    init(scale: UInt64) { self.scale = scale }

    package var value: UInt64 { count.load(ordering: .relaxed) }

    @inline(__always)
    package func add(_ amount: UInt64 = 1) { count.add(amount, ordering: .relaxed) }

    package func add(_ duration: Duration) { add(duration.nanoseconds) }
}

extension Counter: Metric {
    func write(_ series: Series, to text: inout TextFormat) {
        text.sample(series.name, series.labels, scale == 1 ? "\(value)" : "\(Double(value) / Double(scale))")
    }
}

extension Duration {
    /// Whole nanoseconds, 0 for a negative duration: clocks may step back, counts may not.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return UInt64(seconds) &* 1_000_000_000 &+ UInt64(attoseconds / 1_000_000_000)
    }

    package var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
