internal import Synchronization

/// Metrics of one name that differ in labels which are only known when something happens, as a status.
///
/// Bounded: label values must come from the program, never from a client.
package final class Family<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let made = Mutex<[Key: Value]>([:])
    private let make: @Sendable (Key) -> Value

    package init(_ make: @escaping @Sendable (Key) -> Value) {
        self.make = make
    }

    package subscript(key: Key) -> Value {
        made.withLock { made in
            if let value = made[key] { return value }
            let value = make(key)
            made[key] = value
            return value
        }
    }

    /// What there is so far.
    package var all: [(Key, Value)] { made.withLock { made in made.map { ($0.key, $0.value) } } }
}
