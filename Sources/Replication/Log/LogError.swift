package import LTX
package import ObjectStore

/// Why the log cannot be written or read on.
package enum LogError: Error, Equatable, Sendable {
    /// The store did not do what was asked.
    case store(ObjectStoreError)
    /// A program that does not know of other writers has written this transaction: it would overwrite ours.
    case foreignWriter(TXID)
    /// What was in the bucket is gone, though nothing may remove it.
    case vanished(key: String)
    /// The file names another predecessor than the file before it.
    case brokenChain(TXID)
    /// The file has an earlier time than the one before it.
    case timeGoesBack(TXID)
    /// The bytes of a file are not what they should be.
    case damaged(key: String, reason: String)
    /// What this process knows of the log may be of another one: it must be restored first.
    case restoreNeeded
}

extension LogError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .store(let error): "\(error)"
        case .foreignWriter(let txid):
            "transaction \(txid) was written by a program that does not know of other writers, such as Litestream; "
                + "stop it, then start this one again"
        case .vanished(let key):
            "\"\(key)\" is gone from the replica, so what is written now could not be restored; "
                + "whoever removes objects there must stop, then start this program with an empty prefix or a copy"
        case .brokenChain(let txid):
            "transaction \(txid) does not follow on the one before: a file was overwritten, "
                + "or two replicas were mixed in one place"
        case .timeGoesBack(let txid): "transaction \(txid) has an earlier time than the one before"
        case .damaged(let key, let reason): "\"\(key)\" is damaged: \(reason)"
        case .restoreNeeded: "the database must be restored from the replica first"
        }
    }
}
