/// What was done to the processes of a run.
package struct Tally: Sendable {
    package var livesCount = 0
    /// SIGKILLs, by what led to them.
    package var kills: [String: Int] = [:]
    package var freezeCount = 0
    package var deployCount = 0
    package var stopCount = 0
    package var skewCount = 0
    /// Starts that ended before the service was ready, and not by a kill: under faults that is its right.
    package var refusedStartCount = 0
    package var cutOffStopCount = 0
    /// From the start of the process to its first `200` on `/readyz`.
    package var bootTimes: [Duration] = []
    /// When an old and a new process ran side by side.
    package var overlaps: [ClosedRange<Int64>] = []
    /// Ends that nobody asked for.
    package var problems: [String] = []
    /// Sums of the processes' own counters, as far as they were read before the end.
    package var counters = ServiceCounters()
}
