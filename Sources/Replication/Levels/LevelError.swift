internal import LTX
package import ObjectStore

/// Why a step was not done; what was there before is as it was.
package enum LevelError: Error, Sendable, CustomStringConvertible {
    case store(ObjectStoreError)
    /// A file is not what it should be.
    case damaged(key: String, reason: String)
    /// A file is not there any more, or another one.
    case vanished(key: String)
    /// A level has a hole that no snapshot covers.
    case gap
    /// The store said that it removed this, and still has it.
    case notDeleted(key: String)
    case snapshot(any Error)
    case cancelled

    init(_ error: ObjectStoreError) {
        self =
            switch error.kind {
            case .cancelled: .cancelled
            case .notFound, .changed, .outOfRange: .vanished(key: error.key)
            default: .store(error)
            }
    }

    init(_ error: RestoreError, key: String) {
        self =
            switch error {
            case .vanished: .vanished(key: key)
            case .damaged(let key, let reason): .damaged(key: key, reason: reason)
            case .store(let error): .store(error)
            case .cancelled: .cancelled
            default: .damaged(key: key, reason: "\(error)")
            }
    }

    package var description: String {
        switch self {
        case .store(let error): "\(error)"
        case .damaged(let key, let reason): "the object \(key) is damaged: \(reason)"
        case .vanished(let key): "the object \(key) was removed or replaced meanwhile"
        case .gap: "transactions are missing that are in no snapshot either"
        case .notDeleted(let key): "the store says that it removed \(key), and still has it"
        case .snapshot(let error): "no snapshot can be taken: \(error)"
        case .cancelled: "interrupted"
        }
    }
}
