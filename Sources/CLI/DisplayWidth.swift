extension String {
    /// The columns a terminal needs for it.
    var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - displayWidth)) }

    /// The text with control characters spelled out, so that foreign bytes cannot drive the terminal.
    var printable: String {
        unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: text += scalar.escaped(asASCII: true)
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    /// For quoting what a user wrote: printable, and not longer than a line.
    var quoted: String {
        let lengthMax = 60
        return "'" + prefix(lengthMax).description.printable + (dropFirst(lengthMax).isEmpty ? "'" : "…'")
    }
}

extension Character {
    /// Two for East Asian wide forms and emoji, none for a mark on its own, else one.
    fileprivate var displayWidth: Int {
        if unicodeScalars.contains(where: \.isWide) { return 2 }
        return switch unicodeScalars.first?.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control, nil: 0
        default: 1
        }
    }
}

extension Unicode.Scalar {
    /// - SeeAlso: <https://www.unicode.org/reports/tr11/>, of which these are the blocks that are in use.
    fileprivate var isWide: Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
            0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
            true
        // The selector that asks for the emoji form of the character before it.
        case 0xFE0F: true
        default: properties.isEmojiPresentation
        }
    }
}
