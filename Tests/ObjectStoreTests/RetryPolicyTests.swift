import Testing

@testable import ObjectStore

@Suite struct RetryPolicyTests {
    let policy = RetryPolicy(
        attemptsMax: 5,
        delayBase: .milliseconds(100),
        delayMax: .milliseconds(300),
        deadline: .seconds(10)
    )

    @Test(arguments: [(1, 100), (2, 200), (3, 300), (4, 300)])
    func `the wait is a random part of a bound that doubles up to its limit`(attempt: Int, boundMilliseconds: Int) {
        func delay(_ chance: Double) -> Duration? {
            policy.delay(afterAttempt: attempt, retryAfter: nil, elapsed: .zero, chance: chance)
        }
        #expect(delay(0) == .zero)
        #expect(delay(0.5) == .milliseconds(boundMilliseconds) / 2)
        #expect(delay(0.999).map { $0 < .milliseconds(boundMilliseconds) } == true)
    }

    @Test func `the last attempt is followed by none`() {
        #expect(policy.delay(afterAttempt: 5, retryAfter: nil, elapsed: .zero, chance: 0) == nil)
        #expect(policy.delay(afterAttempt: 70, retryAfter: nil, elapsed: .zero, chance: 0) == nil)
    }

    @Test func `the wait is never shorter than the store asks for`() {
        let delay = policy.delay(afterAttempt: 1, retryAfter: .seconds(3), elapsed: .zero, chance: 0.5)
        #expect(delay == .seconds(3) + .milliseconds(50))
    }

    @Test func `nothing starts behind the deadline`() {
        func delay(_ elapsed: Duration, _ retryAfter: Duration?) -> Duration? {
            policy.delay(afterAttempt: 1, retryAfter: retryAfter, elapsed: elapsed, chance: 0)
        }
        #expect(delay(.seconds(10), nil) == .zero)
        #expect(delay(.seconds(10) + .milliseconds(1), nil) == nil)
        #expect(delay(.seconds(7), .seconds(3)) == .seconds(3))
        #expect(delay(.seconds(8), .seconds(3)) == nil)
    }

    @Test(arguments: ObjectStoreError.Kind.allCases)
    func `what must happen once is sent again only when it certainly did not happen`(kind: ObjectStoreError.Kind) {
        #expect(RequestEffect.once.allowsRetry(after: kind) == [.unreachable, .throttled].contains(kind))
        let passing: [ObjectStoreError.Kind] = [.unreachable, .throttled, .unavailable, .ambiguous, .damaged]
        #expect(RequestEffect.repeatable.allowsRetry(after: kind) == passing.contains(kind))
        #expect(RequestEffect.reads.allowsRetry(after: kind) == passing.contains(kind))
    }
}
