internal import Files
package import LTX
internal import ObjectStore
internal import Synchronization

/// An image of a database as the bytes of one LTX file, made while they are read.
package final class PageImageStream: ByteSource {
    private struct State: ~Copyable {
        /// Until everything is read; lets go of the read transaction then.
        var image: PageImage?
        var encoder: Encoder?
        var output = Chunks()
        var page: [UInt8] = []
        var end: Position?
    }

    private let state: Mutex<State>
    private let queue = BlockingQueue(label: "page-image")

    /// A file with this header, which has page size and commit from the image and must not contradict itself.
    package init(_ image: consuming sending PageImage, _ header: Header) throws(LTXError) {
        precondition(header.pageSize == image.pageSize && header.commit == image.commit, "a header of something else")
        var bytes: [UInt8] = []
        let encoder = try Encoder(header, into: &bytes)
        state = Mutex(State(image: image, encoder: encoder, output: Chunks(bytes)))
    }

    /// Where the file ends in the log; nil until all of it was read.
    package var end: Position? { state.withLock { $0.end } }

    package func read(_ count: Int) async throws -> [UInt8] {
        try Task.checkCancellation()
        return try await queue.run { () throws(any Error) in
            try self.state.withLock { state throws(any Error) in try Self.read(count, &state) }
        }
    }

    private static func read(_ count: Int, _ state: inout State) throws -> [UInt8] {
        while state.output.count < count, state.image != nil { try advance(&state) }
        return state.output.take(count)
    }

    private static func advance(_ state: inout State) throws {
        // Apart from the state, so that both may be in use at once.
        var page = state.page
        state.page = []
        if let number = try state.image?.next(into: &page) {
            try state.encoder?.append(page: number, page.span, into: &state.output.bytes)
            state.page = page
            return
        }
        state.image = nil
        if let encoder = state.encoder.take() { state.end = try encoder.finish(into: &state.output.bytes) }
    }
}
