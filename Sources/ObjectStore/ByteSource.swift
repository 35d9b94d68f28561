internal import Synchronization

/// Bytes that are read once, in order, by one reader.
package protocol ByteSource: Sendable {
    /// The next bytes: exactly `count`, or fewer at the end, or none behind it.
    ///
    /// An error ends the upload as ``ObjectStoreError/Kind/source`` and leaves the old object as it was.
    func read(_ count: Int) async throws -> [UInt8]
}

/// A source over bytes in memory.
package final class BytesSource: ByteSource {
    private let bytes: [UInt8]
    private let offset = Mutex(0)

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package func read(_ count: Int) -> [UInt8] {
        offset.withLock { offset in
            let start = offset
            offset = min(bytes.count, start + count)
            return start == 0 && offset == bytes.count ? bytes : Array(bytes[start..<offset])
        }
    }
}
