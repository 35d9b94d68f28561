@testable import HTTPServer
import Testing

struct UnsentTests {
    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }

    /// What is still to be sent.
    private func rest(_ unsent: Unsent) -> [UInt8] { Array(unsent.bytes[unsent.sentCount...]) }

    @Test func `what is left is what was not sent in order`() {
        let all = bytes(100)
        var unsent = Unsent(all[40...])
        #expect(unsent.count == 60)
        for (sent, left) in [(10, 50), (25, 25), (0, 25), (24, 1)] {
            _ = unsent.advance(by: sent)
            #expect(unsent.count == left && rest(unsent) == Array(all.suffix(left)))
        }
        unsent.append([1, 2, 3])
        #expect(rest(unsent) == [all[99], 1, 2, 3])
        _ = unsent.advance(by: 4)
        #expect(unsent.isEmpty && unsent.bytes.isEmpty)
    }

    @Test func `a client that never catches up does not make what it took pile up`() {
        var unsent = Unsent(bytes(1000)[...])
        for _ in 0..<1000 {
            unsent.append(bytes(100))
            _ = unsent.advance(by: 100)
            #expect(unsent.count == 1000)
            #expect(unsent.bytes.count <= 2 * 1100)
        }
    }

    @Test func `time begins anew only when all is taken that was there when it began`() {
        // What is added, what the socket takes then, and whether that reaches what was there when the time began.
        let steps = [
            (0, 60, false), (50, 39, false), (0, 1, true),
            // The 50 that were there at that moment; not the 10 that came later.
            (10, 49, false), (0, 1, true), (0, 9, false), (0, 1, true),
        ]
        var unsent = Unsent(bytes(100)[...])
        for (index, (added, taken, isReached)) in steps.enumerated() {
            unsent.append(bytes(added))
            let result = unsent.advance(by: taken)
            #expect(result == isReached, "step \(index)")
        }
    }
}
