package import LTX
internal import ObjectStore
internal import Synchronization

/// The whole database after a durable transaction, ready to be stored.
package struct Snapshot: Sendable {
    let header: Header
    let source: any ByteSource

    /// An image that was pinned while `position` was the newest durable place in the log, and nothing later was visible.
    ///
    /// - Parameters:
    ///   - image: Let go when all of it was read, or the snapshot is.
    ///   - position: The newest level-0 file.
    ///   - timestampMilliseconds: The time of that file. So that snapshots of one place are the same, whoever takes them.
    ///   - isUnwanted: Whether somebody waits for the image to be let go; then it fails, and is taken again later. Let go
    ///     with the image.
    /// - Throws: When the numbers contradict each other.
    package init(
        of image: consuming sending PageImage,
        at position: Position,
        timestampMilliseconds: Int64,
        isUnwanted: @escaping @Sendable () -> Bool = { false }
    ) throws(LTXError) {
        var header = image.header(
            minTXID: TXID(rawValue: 1),
            maxTXID: position.txid,
            timestampMilliseconds: timestampMilliseconds
        )
        header.linkCompacted(to: position.fileChecksum)
        self.header = header
        source = YieldingSource(source: try PageImageStream(image, header), isUnwanted: isUnwanted)
    }
}

/// A source that ends when somebody needs what it reads from for something more urgent, and that lets go of it at the end.
private final class YieldingSource: ByteSource {
    private struct State {
        let source: any ByteSource
        let isUnwanted: @Sendable () -> Bool
    }

    /// Nil behind the end: what was read may take long to get into the store, and needs nothing of this.
    private let state: Mutex<State?>

    init(source: any ByteSource, isUnwanted: @escaping @Sendable () -> Bool) {
        state = Mutex(State(source: source, isUnwanted: isUnwanted))
    }

    func read(_ count: Int) async throws -> [UInt8] {
        guard let current = state.withLock({ $0 }) else { return [] }
        guard !current.isUnwanted() else { throw PageImageError.unwanted }
        let bytes = try await current.source.read(count)
        if bytes.count < count { state.withLock { $0 = nil } }
        return bytes
    }
}
