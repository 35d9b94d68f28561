import Metrics
import Testing

@Suite struct RegistryTests {
    private func text(_ registry: Registry) -> String { String(decoding: registry.text(), as: UTF8.self) }

    @Test func `the text has help, type and samples, sorted by name and labels`() {
        let registry = Registry()
        let second = registry.counter("b_total", "Second.", [Label("kind", "y")])
        _ = registry.counter("b_total", "Second.", [Label("kind", "x")])
        let first = registry.gauge("a_bytes", "First.")
        second.add(3)
        first.set(0.5)
        let expected = """
            # HELP a_bytes First.
            # TYPE a_bytes gauge
            a_bytes 0.5
            # HELP b_total Second.
            # TYPE b_total counter
            b_total{kind="x"} 0
            b_total{kind="y"} 3

            """
        #expect(text(registry) == expected)
        #expect(text(registry) == expected)
    }

    @Test func `a value lies in every bucket whose bound it does not exceed, and sums are exact`() {
        let registry = Registry()
        let histogram = registry.histogram(
            "t_seconds",
            "Times.",
            .seconds(nanoseconds: [1_000_000, 250_000_000]),
            [Label("route", "/")]
        )
        for duration in [Duration.milliseconds(1), .nanoseconds(1_000_001), .milliseconds(250), .seconds(2)] {
            histogram.observe(duration)
        }
        #expect(
            text(registry) == """
                # HELP t_seconds Times.
                # TYPE t_seconds histogram
                t_seconds_bucket{route="/",le="0.001"} 1
                t_seconds_bucket{route="/",le="0.25"} 3
                t_seconds_bucket{route="/",le="+Inf"} 4
                t_seconds_sum{route="/"} 2.252000001
                t_seconds_count{route="/"} 4

                """
        )
    }

    @Test func `a duration that went backwards counts as none`() {
        let histogram = Histogram(.requestSeconds)
        histogram.observe(Duration.seconds(-1))
        #expect(histogram.count == 1)
    }

    @Test func `what would break the format is escaped`() {
        let registry = Registry()
        _ = registry.counter("a", "One\nline \\ \"quoted\"", [Label("path", "a\"b\\c\nd")])
        #expect(
            text(registry) == """
                # HELP a One\\nline \\\\ "quoted"
                # TYPE a counter
                a{path="a\\"b\\\\c\\nd"} 0

                """
        )
    }

    @Test(
        arguments: [
            (0, "0"), (-3, "-3"), (1.5, "1.5"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (1e300, "1e+300"),
            (4_096_000_000_000, "4096000000000"),
        ] as [(Double, String)]
    )
    func `numbers are written as Prometheus reads them`(value: Double, expected: String) {
        let registry = Registry()
        registry.gauge("a", "A.") { value }
        #expect(text(registry).hasSuffix("\na \(expected)\n"))
    }

    @Test func `a value that is not there leaves its sample out`() {
        let registry = Registry()
        registry.gauge("a", "A.") { nil }
        #expect(text(registry) == "# HELP a A.\n# TYPE a gauge\n")
    }

    @Test func `additions from many threads are all there`() async {
        let counter = Counter()
        await withTaskGroup { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<10_000 { counter.add() } } }
        }
        #expect(counter.value == 80_000)
    }

    @Test func `a family makes each of its metrics once`() {
        let family = Family<Int, Counter> { _ in Counter() }
        family[200].add()
        family[200].add()
        #expect(family[200].value == 2)
        #expect(family.all.count == 1)
    }

    @Test func `the process knows its memory, its CPU time, its files and its start`() throws {
        let registry = Registry()
        ProcessMetrics.register(in: registry)
        let samples = text(registry).split(separator: "\n").filter { !$0.hasPrefix("#") }
        let values = try samples.map { line in
            let parts = line.split(separator: " ")
            return (String(parts[0]), try #require(Double(parts[1])))
        }
        let known = Dictionary(uniqueKeysWithValues: values)
        #expect(try #require(known["process_resident_memory_bytes"]) > 1_000_000)
        #expect(try #require(known["process_cpu_seconds_total"]) > 0)
        #expect(try #require(known["process_open_fds"]) >= 3)
        #expect(try #require(known["process_start_time_seconds"]) > 1_700_000_000)
    }
}
