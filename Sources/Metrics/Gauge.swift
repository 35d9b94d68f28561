internal import Synchronization

/// A value that goes up and down, set by whoever knows it.
package final class Gauge: Sendable {
    private let bits: Atomic<UInt64>

    package init(_ value: Double = 0) { bits = Atomic(value.bitPattern) }

    package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
}

extension Gauge: Metric {
    func write(_ series: Series, to text: inout TextFormat) {
        text.sample(series.name, series.labels, TextFormat.number(value))
    }
}

/// A value that is asked for at each scrape, and left out while there is none.
final class AskedValue: Metric {
    private let value: @Sendable () -> Double?

    init(_ value: @escaping @Sendable () -> Double?) { self.value = value }

    func write(_ series: Series, to text: inout TextFormat) {
        if let value = value() { text.sample(series.name, series.labels, TextFormat.number(value)) }
    }
}
