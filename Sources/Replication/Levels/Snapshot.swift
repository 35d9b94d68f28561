package import LTX
internal import ObjectStore
package import SQLite
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
    ///   - hold: What keeps the file in its place meanwhile. Let go with the image, and as soon as it is wanted; then
    ///     the snapshot fails, and is taken again later.
    /// - Throws: When the numbers contradict each other.
    package init(
        of image: consuming sending PageImage,
        at position: Position,
        timestampMilliseconds: Int64,
        hold: FileHold? = nil
    ) throws(LTXError) {
        var header = image.header(
            minTXID: TXID(rawValue: 1),
            maxTXID: position.txid,
            timestampMilliseconds: timestampMilliseconds
        )
        header.linkCompacted(to: position.fileChecksum)
        self.header = header
        source = YieldingSource(try PageImageStream(image, header), hold)
    }
}

/// A source that lets go of what it reads from when that is wanted for something more urgent, and at the end.
///
/// A part of what was read may take long to get into the store, and nobody reads meanwhile: then it is let go at once, by
/// whoever wants it. While somebody reads, he does it, a moment later.
final class YieldingSource: ByteSource {
    private struct Held {
        let source: any ByteSource
        let hold: FileHold?
    }

    private struct State {
        /// Nil behind the end, and once it was wanted.
        var held: Held?
        var isReading = false
        var isUnwanted = false
    }

    /// So much is read before it is looked again whether the image is wanted: a millisecond's work.
    private static let partBytesMax = 256 << 10

    private let state: Mutex<State>

    init(_ source: any ByteSource, _ hold: FileHold?) {
        state = Mutex(State(held: Held(source: source, hold: hold)))
        hold?.whenWanted { [weak self] in self?.giveUp() }
    }

    func read(_ count: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count, try begin() {
            let partCount = min(count - bytes.count, Self.partBytesMax)
            let part: [UInt8]
            do { part = try await readHeld(partCount) } catch {
                end(isOver: false)
                throw error
            }
            bytes += part
            end(isOver: part.count < partCount)
        }
        return bytes
    }

    /// False behind the end.
    private func begin() throws -> Bool {
        try state.withLock { state in
            guard !state.isUnwanted else { throw PageImageError.unwanted }
            state.isReading = state.held != nil
            return state.isReading
        }
    }

    private func readHeld(_ count: Int) async throws -> [UInt8] {
        guard let source = state.withLock({ $0.held?.source }) else { return [] }
        return try await source.read(count)
    }

    private func end(isOver: Bool) {
        let held = state.withLock { state in
            state.isReading = false
            return isOver || state.isUnwanted ? state.held.take() : nil
        }
        Self.letGo(held)
    }

    func giveUp() {
        let held = state.withLock { state -> Held? in
            // What was read to its end is as good as stored. Asked again, an image that was given up is no image that ends.
            if state.held != nil { state.isUnwanted = true }
            return state.isReading ? nil : state.held.take()
        }
        Self.letGo(held)
    }

    /// The image first: without the hold, another file may come in its place.
    private static func letGo(_ held: consuming Held?) {
        let hold = held?.hold
        held = nil
        withExtendedLifetime(hold) {}
    }
}
