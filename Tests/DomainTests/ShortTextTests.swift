import Domain
import Testing

@Suite struct ShortTextTests {
    @Test(
        arguments: [
            ("a", "a"), (" a ", "a"), ("\t\r\n a  b \u{B}\u{C}", "a  b"),
            // Unicode's White_Space: no-break space, Ogham, em quad, line and paragraph separator, ideographic.
            ("\u{A0}a\u{1680}", "a"), ("\u{2001}a\u{2028}\u{2029}", "a"), ("\u{3000}a\u{85}", "a"),
            // Not white space: zero width space, byte order mark, NUL.
            ("\u{200B}a", "\u{200B}a"), ("\u{FEFF}a", "\u{FEFF}a"), ("a\0", "a\0"),
            // A combining mark after a space is one character with it, but the space is still one at the end.
            (" \u{301}a", "\u{301}a"), ("a\r\n", "a"),
            ("", nil), (" ", nil), ("\u{3000}\n\t", nil),
        ] as [(String, String?)]
    )
    func `white space goes from both ends, and nothing is left of nothing`(text: String, expected: String?) {
        let found = ShortText.normalized(text, lengthMax: 10)
        #expect(found.map { Array($0.unicodeScalars) } == expected.map { Array($0.unicodeScalars) })
    }

    @Test(arguments: ["a", "\u{F6}", "\u{1F9F6}", "e\u{301}", "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}"])
    func `the length counts code points, after trimming`(unit: String) {
        let count = unit.unicodeScalars.count
        let text = String(repeating: unit, count: 4)
        #expect(ShortText.normalized(text, lengthMax: 4 * count) == text)
        #expect(ShortText.normalized("  \(text)\n", lengthMax: 4 * count) == text)
        #expect(ShortText.normalized(text, lengthMax: 4 * count - 1) == nil)
    }
}
