internal import Synchronization

/// What a registry can show.
protocol Metric: Sendable {
    func write(_ series: Series, to text: inout TextFormat)
}

/// Where a metric stands in the text.
struct Series {
    let name: String
    let labels: [Label]
}

/// All metrics of the program, by name.
///
/// Metrics are kept by whoever changes them, and the registry is asked at each scrape; whoever registers a name and
/// labels again gets the metric that is there. Names and label sets
/// come out sorted, so that two scrapes differ in nothing but values.
package final class Registry: Sendable {
    private struct Family {
        let help: String
        let type: String
        var series: [(labels: [Label], metric: any Metric)] = []
    }

    private let families = Mutex<[String: Family]>([:])

    package init() {}

    package func counter(_ name: String, _ help: String, _ labels: [Label] = []) -> Counter {
        add(Counter(), name, help, "counter", labels)
    }

    /// A counter of durations that is shown in seconds.
    package func secondsCounter(_ name: String, _ help: String, _ labels: [Label] = []) -> Counter {
        add(Counter(scale: 1_000_000_000), name, help, "counter", labels)
    }

    package func gauge(_ name: String, _ help: String, _ labels: [Label] = []) -> Gauge {
        add(Gauge(), name, help, "gauge", labels)
    }

    package func histogram(
        _ name: String,
        _ help: String,
        _ shape: Histogram.Shape,
        _ labels: [Label] = []
    ) -> Histogram {
        add(Histogram(shape), name, help, "histogram", labels)
    }

    /// A gauge whose value is asked for at each scrape; nil leaves it out.
    package func gauge(
        _ name: String,
        _ help: String,
        _ labels: [Label] = [],
        asking value: @escaping @Sendable () -> Double?
    ) {
        _ = add(AskedValue(value), name, help, "gauge", labels)
    }

    /// A counter that somebody else keeps, asked for at each scrape; nil leaves it out.
    package func counter(
        _ name: String,
        _ help: String,
        _ labels: [Label] = [],
        asking value: @escaping @Sendable () -> Double?
    ) {
        _ = add(AskedValue(value), name, help, "counter", labels)
    }

    /// Everything in Prometheus' text format 0.0.4.
    package func text() -> [UInt8] {
        let families = families.withLock { $0 }
        var text = TextFormat()
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text.family(name, family.help, family.type)
            for (labels, metric) in family.series.sorted(by: { $0.labels.lexicographicallyPrecedes($1.labels) }) {
                metric.write(Series(name: name, labels: labels), to: &text)
            }
        }
        return text.bytes
    }

    private func add<New: Metric>(
        _ metric: New,
        _ name: String,
        _ help: String,
        _ type: String,
        _ labels: [Label]
    ) -> New {
        precondition(Self.isName(name), "\(name) is no name of a metric")
        precondition(labels.allSatisfy { Self.isName($0.name) && $0.name != "le" }, "\(labels) of \(name)")
        return families.withLock { families in
            var family = families[name] ?? Family(help: help, type: type)
            precondition(family.type == type && family.help == help, "\(name) is registered as something else")
            if let known = family.series.first(where: { $0.labels == labels })?.metric {
                guard let known = known as? New else { preconditionFailure("\(name) is registered as something else") }
                return known
            }
            family.series.append((labels, metric))
            families[name] = family
            return metric
        }
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}

extension Label: Comparable {
    package static func < (left: Self, right: Self) -> Bool {
        (left.name, left.value) < (right.name, right.value)
    }
}
