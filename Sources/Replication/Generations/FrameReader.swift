internal import LZ4

/// Unpacks one object of a Litestream 0.3 replica, from bytes that come in pieces.
///
/// Every object is one LZ4 frame. What is handed on before `end` is not known to be right.
package struct FrameReader: Sendable {
    package enum Step: Sendable {
        /// Call `feed`, then `next` again.
        case input
        case content([UInt8])
        /// The whole object has been read, and its checksum is right if it has one.
        case end
    }

    private let object: GenerationObject
    private var decoder = LZ4FrameDecoder()
    private var buffer: [UInt8] = []
    private var consumed = 0
    private var inputHasEnded = false

    package init(_ object: GenerationObject) {
        self.object = object
    }

    /// Hands over the next bytes of the object; none at all say that it has ended.
    package mutating func feed(_ bytes: [UInt8]) {
        precondition(!inputHasEnded, "there is nothing after the end")
        inputHasEnded = bytes.isEmpty
        buffer.removeFirst(consumed)
        buffer.append(contentsOf: bytes)
        consumed = 0
    }

    /// Reads on, as far as the next block of content.
    package mutating func next() throws(GenerationError) -> Step {
        while !decoder.isComplete {
            var content: [UInt8] = []
            let bytes = buffer
            let size: Int
            do {
                size = try decoder.decode(bytes.span.extracting(consumed...), into: &content)
            } catch {
                throw .compression(object, error)
            }
            guard size > 0 else { return try needInput() }
            consumed += size
            if !content.isEmpty { return .content(content) }
        }
        guard consumed == buffer.count else { throw .trailingBytes(object) }
        return inputHasEnded ? .end : .input
    }

    private func needInput() throws(GenerationError) -> Step {
        guard !inputHasEnded else { throw .truncated(object) }
        return .input
    }
}
