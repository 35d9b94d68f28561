/// How often a call is tried again, and how long it waits in between.
///
/// Decides and does nothing else: no clock, no request.
package struct RetryPolicy: Sendable, Equatable {
    /// The first try counts.
    package var attemptsMax: Int
    /// The longest wait before the second try; it doubles from try to try.
    package var delayBase: Duration
    package var delayMax: Duration
    /// No try starts later than this after the first one did.
    package var deadline: Duration

    package init(
        attemptsMax: Int = 8,
        delayBase: Duration = .milliseconds(100),
        delayMax: Duration = .seconds(5),
        deadline: Duration = .seconds(30)
    ) {
        precondition(attemptsMax >= 1, "not even one attempt")
        (self.attemptsMax, self.delayBase) = (attemptsMax, delayBase)
        (self.delayMax, self.deadline) = (delayMax, deadline)
    }

    /// The wait before the next try, or nil when it is time to give up.
    ///
    /// Full jitter, so that clients which failed together do not come back together; but never less than the store
    /// asked for, and giving up at once when it asks for more than is left. `chance` is in `0..<1`.
    package func delay(
        afterAttempt attempt: Int,
        retryAfter: Duration?,
        elapsed: Duration,
        chance: Double
    ) -> Duration? {
        guard attempt < attemptsMax else { return nil }
        let ceiling = min(delayMax, delayBase * (1 << min(attempt - 1, 20)))
        let wait = (retryAfter ?? .zero) + ceiling * chance
        return elapsed + wait <= deadline ? wait : nil
    }
}

/// What sending a request twice does.
enum RequestEffect: Sendable {
    /// Nothing: it only asks.
    case reads
    /// The same as sending it once.
    case repeatable
    /// Something else: after the first one took effect, the second one fails.
    case once

    /// Whether a request that failed in this way may be sent again.
    func allowsRetry(after kind: ObjectStoreError.Kind) -> Bool {
        switch kind {
        case .throttled: true
        // For `.reads` also a question without an answer; for the others only what was never sent.
        case .unreachable: true
        case .unavailable, .ambiguous, .damaged: self != .once
        default: false
        }
    }
}
