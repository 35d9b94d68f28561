internal import Threads

/// How soon those whose writes are answered write again: whether a batch had better wait for them.
struct Returns {
    /// Behind a fast disk a batch is done sooner than most could be back.
    private static let batchMin = Duration.milliseconds(10)

    private var answered: (count: Int, at: MonotonicTime)?
    private var count = 0
    /// What most of the last ones took; nil if they did not come before the next were answered.
    private var time: Duration?

    mutating func didAnswer(_ count: Int, at now: MonotonicTime) {
        // Those of the time before have not come back, so they are not waited for.
        if answered != nil { time = nil }
        (answered, self.count) = (count > 0 ? (count, now) : nil, 0)
    }

    mutating func didCome(at now: @autoclosure () -> MonotonicTime) {
        guard let answered else { return }
        count += 1
        guard count * 10 >= answered.count * 9 else { return }
        time = .nanoseconds(now().nanoseconds - answered.at.nanoseconds)
        self.answered = nil
    }

    /// How long the next batch should wait for them, when one takes as long as `batch`; nil if they are not worth it.
    ///
    /// To wait pays for clients that write again as soon as they are answered. Writes that come whenever they want take a
    /// whole batch to be as many again.
    func worthwhileWait(after batch: Duration) -> Duration? {
        guard let time, batch >= Self.batchMin, time * 2 <= batch else { return nil }
        // The slowest tenth is not far behind.
        return time * 3 / 2 + .milliseconds(1)
    }
}
