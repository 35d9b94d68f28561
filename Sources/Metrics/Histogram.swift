/// How often values fell below each of a few bounds, and their sum.
///
/// Values are whole numbers of a small unit, nanoseconds for times: sums stay exact, and an observation is two relaxed
/// additions and no floating point.
package final class Histogram: Sendable {
    /// Bounds and unit, which all series of one name share.
    package struct Shape: Sendable {
        let bounds: [UInt64]
        /// How many units of an observation make one of those that are shown.
        let scale: UInt64

        /// For durations, shown in seconds.
        ///
        /// - bounds: Ascending, in nanoseconds.
        package static func seconds(nanoseconds bounds: [UInt64]) -> Shape {
            Shape(bounds: bounds, scale: 1_000_000_000)
        }

        /// For counts and sizes, shown as they are.
        package static func counts(_ bounds: [UInt64]) -> Shape { Shape(bounds: bounds, scale: 1) }

        /// 100 µs to 10 s: from a read out of the cache to a write that waits for a slow store.
        package static let requestSeconds = seconds(nanoseconds: [
            100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
            250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
        ])
    }

    private let shape: Shape
    /// One for each bound and one for what is above them all; not added up, so that an observation touches one.
    private let buckets: [Counter]
    private let total = Counter()

    package init(_ shape: Shape) {
        precondition(zip(shape.bounds, shape.bounds.dropFirst()).allSatisfy(<), "bounds must ascend")
        self.shape = shape
        buckets = (0...shape.bounds.count).map { _ in Counter() }
    }

    package func observe(_ value: UInt64) {
        var index = 0
        while index < shape.bounds.count, value > shape.bounds[index] { index += 1 }
        buckets[index].add()
        total.add(value)
    }

    package func observe(_ duration: Duration) { observe(duration.nanoseconds) }

    package var count: UInt64 { buckets.reduce(0) { $0 &+ $1.value } }
}

extension Histogram: Metric {
    func write(_ series: Series, to text: inout TextFormat) {
        var count: UInt64 = 0
        for (index, bucket) in buckets.enumerated() {
            // The sum of what was read, not a count of its own: buckets must never be greater than the count.
            count += bucket.value
            let bound = index < shape.bounds.count ? shown(shape.bounds[index]) : "+Inf"
            text.sample("\(series.name)_bucket", series.labels + [Label("le", bound)], "\(count)")
        }
        text.sample("\(series.name)_sum", series.labels, shown(total.value))
        text.sample("\(series.name)_count", series.labels, "\(count)")
    }

    private func shown(_ value: UInt64) -> String {
        shape.scale == 1 ? "\(value)" : TextFormat.number(Double(value) / Double(shape.scale))
    }
}
