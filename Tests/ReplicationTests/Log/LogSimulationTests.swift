import FoundationEssentials
import Testing

@Suite struct LogSimulationTests {
    /// Ten thousand schedules, or as many as `LOG_SCHEDULES` says.
    private static let scheduleCount =
        ProcessInfo.processInfo.environment["LOG_SCHEDULES"].flatMap { Int($0) } ?? 10_000

    @Test func `whatever happens, the log is one history and clients were told the truth about it`() async {
        let count = Self.scheduleCount
        let results = await withTaskGroup(of: (violation: String?, committed: Int, restores: Int, unknown: Int).self) {
            group in
            let workers = 4
            for worker in 0..<workers {
                group.addTask {
                    var sum = (violation: String?.none, committed: 0, restores: 0, unknown: 0)
                    for seed in stride(from: worker, to: count, by: workers) where sum.violation == nil {
                        var simulation = LogSimulation(seed: UInt64(seed))
                        simulation.run()
                        sum.violation = simulation.violation.map { "seed \(seed) \($0)" }
                        sum.committed += simulation.committedCount
                        sum.restores += simulation.restoreCount
                        sum.unknown += simulation.unknownCount
                    }
                    return sum
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.compactMap(\.violation) == [])
        // The schedules must reach what they are for.
        #expect(results.reduce(0) { $0 + $1.committed } > 2 * count)
        #expect(results.reduce(0) { $0 + $1.restores } > count / 10)
        #expect(results.reduce(0) { $0 + $1.unknown } > count / 10)
    }

    @Test(arguments: LogSimulation.Mutation.allCases)
    func `a broken rule is noticed`(mutation: LogSimulation.Mutation) {
        // One of them needs a race that comes once in a hundred thousand schedules.
        let seeds = [113_419, 151_122] + Array(0..<20_000 as Range<UInt64>)
        let caught = seeds.first { seed in
            var simulation = LogSimulation(seed: seed, mutation: mutation)
            simulation.run()
            return simulation.violation != nil
        }
        #expect(caught != nil)
    }
}
