import Testing

@testable import LZ4

@Suite struct XXH32Tests {
    /// From the reference implementation, through Python's `xxhash`.
    @Test(arguments: [
        ("", 0x02CC_5D05 as UInt32),
        ("a", 0x550D_7456),
        ("abc", 0x32D1_53FF),
        ("0123456789abcdef", 0xC2C4_5B69),
        ("Nobody inspects the spammish repetition", 0xE229_3B2F),
    ])
    func `it is the xxHash that everyone computes`(text: String, hash: UInt32) {
        #expect(XXH32.hash(Array(text.utf8).span) == hash)
    }

    @Test func `pieces hash like the whole`() {
        let bytes = noise(200, seed: 3)
        for first in 0...40 {
            for second in [0, 1, 15, 16, 17, 100] {
                var hash = XXH32()
                hash.update(bytes.span.extracting(..<first))
                hash.update(bytes.span.extracting(first..<(first + second)))
                hash.update(bytes.span.extracting((first + second)...))
                #expect(hash.value == XXH32.hash(bytes.span))
            }
        }
    }
}
