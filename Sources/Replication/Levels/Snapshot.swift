package import LTX
internal import ObjectStore

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
    ///   - isUnwanted: Whether somebody waits for the image to be let go; then it fails, and is taken again later.
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

/// A source that ends when somebody needs what it reads from for something more urgent.
private struct YieldingSource: ByteSource {
    let source: any ByteSource
    let isUnwanted: @Sendable () -> Bool

    func read(_ count: Int) async throws -> [UInt8] {
        guard !isUnwanted() else { throw PageImageError.unwanted }
        return try await source.read(count)
    }
}
