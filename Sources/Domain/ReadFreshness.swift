/// Sees to it that what is read next is new enough.
///
/// A service that is one of several learns of the others' writes only when it asks. A read says how new it must be by a
/// ``Receipt``, and the operator by a bound on how old a state may be that nobody has asked about.
package protocol ReadFreshness: Sendable {
    /// Whether a read must come by even if it brings no receipt.
    var boundsStaleness: Bool { get }

    /// Returns when a read on the calling thread sees `receipt`'s write, and nothing staler than the bound allows.
    ///
    /// Whoever implements it ends the snapshot that the calling thread may still hold, after its last suspension.
    ///
    /// - Throws: ``AppError/Code/notReplicated`` if that is not so within `patience`, or cannot be.
    func reach(_ receipt: Receipt?, within patience: Duration) async throws
}

/// Without a log there is one state, and whoever reads sees it.
package struct LocalFreshness: ReadFreshness {
    package init() {}

    package var boundsStaleness: Bool { false }

    /// Every write that was ever answered is in that state, so every receipt is reached.
    package func reach(_ receipt: Receipt?, within patience: Duration) async throws {}
}
