/// The service's own counters, as `/metrics` shows them.
///
/// - SeeAlso: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
package struct ServiceCounters: Sendable, Equatable {
    /// What a report shows, by the names of the families.
    private static let shown: [String: String] = [
        "holdfast_replication_races_lost_total": "races lost",
        "holdfast_replication_batches_rerun_total": "batches run again",
        "holdfast_replication_retries_total": "PUTs tried again",
        "holdfast_replication_outcomes_unknown_total": "batches of unknown outcome",
        "holdfast_write_batch_size_count": "batches",
        "holdfast_object_store_requests_total": "requests to the store",
    ]

    package private(set) var values: [String: Double] = [:]

    package init() {}

    package init(_ text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let name = line.prefix { $0 != "{" && $0 != " " }
            guard let shown = Self.shown[String(name)],
                let number = line.split(separator: " ").last.flatMap({ Double($0) })
            else { continue }
            values[shown, default: 0] += number
        }
    }

    /// The sums of both.
    package static func + (one: Self, other: Self) -> Self {
        var sum = one
        sum.values.merge(other.values, uniquingKeysWith: +)
        return sum
    }
}
