import Domain
import TestSupport
import Testing

@Suite struct PasteTests {
    @Test func `a new id is eight letters or digits, each as likely as the other`() {
        var random = SeededGenerator(seed: 1)
        var counts: [UInt8: Int] = [:]
        var ids: Set<String> = []
        for _ in 0..<20_000 {
            let id = Paste.newID(using: &random)
            #expect(Paste.isID(id))
            ids.insert(id)
            for byte in id.utf8 { counts[byte, default: 0] += 1 }
        }
        #expect(ids.count == 20_000)
        #expect(counts.count == 62)
        // 160,000 draws from 62: 2581 of each, give or take 50; six times that is not chance.
        #expect(counts.values.allSatisfy { abs($0 - 2581) < 300 })
    }

    @Test(
        arguments: [
            ("fFnL9cU6", true), ("00000000", true), ("zzzzZZZZ", true), ("", false), ("fFnL9cU", false),
            ("fFnL9cU66", false), ("fFnL9cU-", false), ("fFnL9cU_", false), ("fFnL9 U6", false), ("fFnL9cU\0", false),
            ("fFnL9c\u{F6}", false), ("favicon.", false), ("/FnL9cU6", false),
        ]
    )
    func `only eight letters or digits are an id`(text: String, isID: Bool) {
        #expect(Paste.isID(text) == isID)
    }
}
