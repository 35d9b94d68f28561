import ObjectStore
import Testing

@testable import Replication

@Suite struct YieldingSourceTests {
    /// Something more urgent wants the image as often as this, while the first part is read.
    @Test(arguments: 1...2) func `an image that was given up does not look like one that ends`(count: Int) async throws
    {
        let (parts, reads) = AsyncStream.makeStream(of: Void.self)
        let (permits, goOn) = AsyncStream.makeStream(of: Void.self)
        let source = YieldingSource(StoppingSource(reads: reads, permits: permits), nil)
        let reading = Task { try await source.read(1 << 20) }
        for await _ in parts { break }
        for _ in 0..<count { source.giveUp() }
        goOn.finish()
        await #expect(throws: PageImageError.self) { try await reading.value }
        // The part is read, and the image let go.
        source.giveUp()
        await #expect(throws: PageImageError.self) { try await source.read(1) }
    }
}

/// Tells of each read, and waits before it goes on.
private struct StoppingSource: ByteSource {
    let reads: AsyncStream<Void>.Continuation
    let permits: AsyncStream<Void>

    func read(_ count: Int) async throws -> [UInt8] {
        reads.yield()
        for await _ in permits {}
        return [UInt8](repeating: 1, count: count)
    }
}
