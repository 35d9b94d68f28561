internal import LTX
internal import Synchronization

/// The database as it is where a state has a number; nothing moves until it is let go.
final class PinnedImage: Sendable {
    /// What the image holds; see ``DatabaseTail/sequence``.
    let sequence: UInt64
    /// Whoever sets this to true is the only one to touch the image.
    private let isTaken = Atomic(false)
    private nonisolated(unsafe) var image: PageImage?

    init(_ image: consuming sending PageImage, sequence: UInt64) {
        self.sequence = sequence
        unsafe self.image = consume image
    }

    /// The snapshot of this place in a replica's log; nil if there was one already.
    func snapshot(at position: Position, timestampMilliseconds: Int64) throws(LTXError) -> Snapshot? {
        guard !isTaken.exchange(true, ordering: .acquiringAndReleasing), let image = unsafe image.take() else {
            return nil
        }
        return try Snapshot(of: image, at: position, timestampMilliseconds: timestampMilliseconds)
    }
}
