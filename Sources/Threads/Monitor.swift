internal import Glibc

/// State behind a lock, with conditions to wait for: what `Mutex` has no word for.
///
/// Safe to share: `state` is touched only with the lock held. The pthread objects live on the heap, where their address
/// stays, until nobody can hold them any more.
package final class Monitor<State>: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let conditions: UnsafeMutablePointer<pthread_cond_t>
    private let conditionCount: Int
    private var state: State

    package init(_ state: sending State, conditions conditionCount: Int) {
        self.state = state
        self.conditionCount = conditionCount
        conditions = .allocate(capacity: conditionCount)
        // Taken twice by one thread it would wait for itself for ever: better to stop and be seen.
        var kind = pthread_mutexattr_t()
        pthread_mutexattr_init(&kind)
        pthread_mutexattr_settype(&kind, Int32(PTHREAD_MUTEX_ERRORCHECK))
        pthread_mutex_init(lock, &kind)
        pthread_mutexattr_destroy(&kind)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Waits must not stretch or shrink when somebody sets the clock.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        for index in 0..<conditionCount { pthread_cond_init(conditions + index, &attributes) }
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        for index in 0..<conditionCount { pthread_cond_destroy(conditions + index) }
        pthread_mutex_destroy(lock)
        conditions.deallocate()
        lock.deallocate()
    }

    package func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        acquire()
        defer { pthread_mutex_unlock(lock) }
        return try body(&state)
    }

    /// Waits until `body` gives a value; asks again whenever `condition` is signalled, or its time has come.
    ///
    /// - `deadline`: When to ask again at the latest, in ``MonotonicTime``; nil to wait for the signal alone.
    package func wait<Result>(
        for condition: Int,
        until deadline: (State) -> MonotonicTime? = { _ in nil },
        _ body: (inout State) -> Result?
    ) -> Result {
        acquire()
        defer { pthread_mutex_unlock(lock) }
        while true {
            if let result = body(&state) { return result }
            if let deadline = deadline(state) {
                var time = deadline.timespec
                pthread_cond_timedwait(conditions + condition, lock, &time)
            } else {
                pthread_cond_wait(conditions + condition, lock)
            }
        }
    }

    private func acquire() {
        let code = pthread_mutex_lock(lock)
        precondition(code == 0, "a monitor is entered again from within: error \(code)")
    }

    package func signal(_ condition: Int) {
        pthread_cond_signal(conditions + condition)
    }

    /// ``signal(_:)`` for all who wait, not just one.
    package func broadcast(_ condition: Int) {
        pthread_cond_broadcast(conditions + condition)
    }
}
