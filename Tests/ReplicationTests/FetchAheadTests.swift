import Testing

@testable import Replication

@Suite struct FetchAheadTests {
    struct Case: Sendable {
        let sizes: [Int]
        let pieceBytes: Int
        let pieceCount: Int

        /// So many large objects, and so many small ones.
        init(large: Int, small: Int = 0, pieceBytes: Int, pieceCount: Int) {
            sizes = [Int](repeating: 1 << 30, count: large) + [Int](repeating: 2048, count: small)
            (self.pieceBytes, self.pieceCount) = (pieceBytes, pieceCount)
        }
    }

    @Test(arguments: [
        Case(large: 0, pieceBytes: 4 << 20, pieceCount: 32),
        Case(large: 1, pieceBytes: 4 << 20, pieceCount: 8),
        Case(large: 4, pieceBytes: 4 << 20, pieceCount: 2),
        Case(large: 256, pieceBytes: 64 << 10, pieceCount: 2),
        Case(large: 512, pieceBytes: 64 << 10, pieceCount: 1),
        // A snapshot and what came behind it: it is not read in crumbs.
        Case(large: 1, small: 255, pieceBytes: 4 << 20, pieceCount: 7),
    ])
    func `small objects leave their share to large ones`(expected: Case) {
        let ahead = FetchAhead(sizes: expected.sizes, parallelism: 32)
        #expect(ahead.pieceBytes == expected.pieceBytes && ahead.pieceCount == expected.pieceCount)
        let most = expected.sizes.reduce(0) { $0 + min($1, ahead.pieceBytes * ahead.pieceCount) }
        #expect(most <= 32 << 20)
    }

    @Test func `no object has more requests than there may be in all`() {
        #expect(FetchAhead(sizes: [1 << 30], parallelism: 3).pieceCount == 3)
    }
}
