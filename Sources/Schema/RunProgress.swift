internal import Synchronization

/// How far a run of several transactions has come, for when it begins again on the state that another writer has left.
///
/// What is to be done is chosen once: after half of it, the same choice would be another one, and what is done must not be
/// done again.
package final class RunProgress: Sendable {
    private let state = Mutex((chosen: [String]?.none, done: [String]()))

    package init() {}

    /// The names that are still to be done; `choose` is asked the first time only.
    func remaining(_ choose: () throws -> [String]) rethrows -> [String] {
        let known = state.withLock { $0.chosen }
        let chosen = try known ?? choose()
        return state.withLock { state in
            state.chosen = chosen
            return chosen.filter { !state.done.contains($0) }
        }
    }

    /// It is durable.
    func finish(_ name: String) { state.withLock { $0.done.append(name) } }

    var doneCount: Int { state.withLock { $0.done.count } }
}
