internal import FoundationEssentials

/// Time and chance, passed in so that tests choose them.
package struct StoreClock: Sendable {
    /// The machine's wall clock: for signatures and expiry dates, never for the order of writes.
    package var now: @Sendable () -> StoreTime
    /// Grows steadily, whatever happens to the wall clock.
    package var elapsed: @Sendable () -> Duration
    package var sleep: @Sendable (Duration) async throws -> Void
    /// From 0 up to, not including, 1.
    package var random: @Sendable () -> Double

    package init(
        now: @escaping @Sendable () -> StoreTime,
        elapsed: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        random: @escaping @Sendable () -> Double
    ) {
        (self.now, self.elapsed, self.sleep, self.random) = (now, elapsed, sleep, random)
    }

    package static let system: StoreClock = {
        let clock = ContinuousClock()
        let start = clock.now
        return StoreClock(
            now: { StoreTime(unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
            elapsed: { start.duration(to: clock.now) },
            sleep: { try await Task.sleep(for: $0) },
            random: { Double.random(in: 0..<1) }
        )
    }()
}
