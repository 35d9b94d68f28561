/// Where and why a text is not JSON.
package struct JSONSyntaxError: Error, Equatable {
    /// Counted from 1, as editors do; the column counts bytes.
    package let line: Int
    package let column: Int
    package let reason: String
}

/// Checks that bytes are one JSON value (RFC 8259), to tell a person where they are not.
///
/// Foundation's decoder makes the values. It does not reliably say where it stopped, and lets some things pass that
/// are no JSON, so bytes come through here first. Of two members with one name it silently takes the first, and other
/// programs take the last: here they are refused, as I-JSON (RFC 7493) has it.
package enum JSONSyntax {
    /// Deeper nesting is refused: it needs no stack here, but it would in whoever decodes next.
    package static var depthMax: Int { 64 }

    package static func check(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        var scanner = Scanner(count: bytes.count)
        try scanner.document(bytes)
    }
}

/// One pass, without recursion: `open` remembers the brackets, and the names in each object.
private struct Scanner {
    let count: Int
    var index = 0
    var open: [Container] = []

    struct Container {
        let bracket: UInt8
        /// Compared as bytes, as other readers do.
        ///
        /// As strings, two spaces of different widths are equal. All keys that are asked for are ASCII, where it is the same.
        var names: Set<[UInt8]> = []
    }

    init(count: Int) { self.count = count }

    mutating func document(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        skipSpace(bytes)
        guard index < count else { throw error(bytes, "there is nothing here; expected a JSON value") }
        repeat {
            try value(bytes)
        } while try !close(bytes)
        skipSpace(bytes)
        guard index == count else { throw error(bytes, "something follows after the end of the value") }
    }

    /// Reads one scalar, or opens one object or array and goes on to its first value.
    private mutating func value(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        while true {
            skipSpace(bytes)
            guard index < count else { throw error(bytes, "it ends where a value should be") }
            switch bytes[index] {
            case UInt8(ascii: "{"):
                try enter(bytes)
                skipSpace(bytes)
                if index < count, bytes[index] == UInt8(ascii: "}") { return }
                try key(bytes)
            case UInt8(ascii: "["):
                try enter(bytes)
                skipSpace(bytes)
                if index < count, bytes[index] == UInt8(ascii: "]") { return }
            case UInt8(ascii: "\""): return try string(bytes)
            case UInt8(ascii: "t"): return try word("true", bytes)
            case UInt8(ascii: "f"): return try word("false", bytes)
            case UInt8(ascii: "n"): return try word("null", bytes)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number(bytes)
            default: throw error(bytes, "expected a value")
            }
        }
    }

    private mutating func enter(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        guard open.count < JSONSyntax.depthMax else {
            throw error(bytes, "nested deeper than \(JSONSyntax.depthMax) levels")
        }
        open.append(Container(bracket: bytes[index]))
        index += 1
    }

    /// After a value: closes what ends here, steps over a comma; true when the outermost value is complete.
    private mutating func close(_ bytes: Span<UInt8>) throws(JSONSyntaxError) -> Bool {
        while let bracket = open.last?.bracket {
            skipSpace(bytes)
            let isObject = bracket == UInt8(ascii: "{")
            guard index < count else { throw error(bytes, "it ends inside \(isObject ? "an object" : "an array")") }
            switch bytes[index] {
            case UInt8(ascii: "}") where isObject, UInt8(ascii: "]") where !isObject:
                open.removeLast()
                index += 1
            case UInt8(ascii: ","):
                index += 1
                if isObject { try key(bytes) }
                return false
            default: throw error(bytes, isObject ? "expected , or }" : "expected , or ]")
            }
        }
        return true
    }

    private mutating func key(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        skipSpace(bytes)
        guard index < count, bytes[index] == UInt8(ascii: "\"") else {
            throw error(bytes, "expected a key in double quotes")
        }
        let start = index
        try string(bytes)
        let name = text(bytes.extracting((start + 1)..<(index - 1)))
        guard open[open.count - 1].names.insert(Array(name.utf8)).inserted else {
            index = start
            throw error(bytes, "this key was there before")
        }
        skipSpace(bytes)
        guard index < count, bytes[index] == UInt8(ascii: ":") else { throw error(bytes, "expected : after the key") }
        index += 1
    }

    private mutating func string(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        index += 1
        while index < count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return
            case UInt8(ascii: "\\"): try escape(bytes)
            case ..<0x20: throw error(bytes, "a control character in a string must be escaped")
            case ..<0x80: index += 1
            default: try multibyte(bytes)
            }
        }
        throw error(bytes, "it ends inside a string")
    }

    /// What a string's bytes, which have been checked, stand for.
    private func text(_ bytes: Span<UInt8>) -> String {
        var units: [UInt8] = []
        units.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "\\") else {
                units.append(bytes[at])
                at += 1
                continue
            }
            switch bytes[at + 1] {
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0C)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "r"): units.append(0x0D)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "u"):
                var scalar = hexValue(bytes, at: at + 2)
                at += 4
                if (0xD800..<0xDC00).contains(scalar) {
                    scalar = 0x10000 + (scalar - 0xD800) << 10 + (hexValue(bytes, at: at + 4) - 0xDC00)
                    at += 6
                }
                guard let character = Unicode.Scalar(scalar) else { preconditionFailure("half of a surrogate pair") }
                units += Array(character.utf8)
            default: units.append(bytes[at + 1])
            }
            at += 2
        }
        return String(decoding: units, as: UTF8.self)
    }

    /// The number that four hex digits stand for.
    private func hexValue(_ bytes: Span<UInt8>, at start: Int) -> UInt32 {
        var value: UInt32 = 0
        for index in start..<(start + 4) {
            let digit = Character(Unicode.Scalar(bytes[index])).hexDigitValue ?? 0
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    private mutating func escape(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        guard index + 1 < count else { throw error(bytes, "it ends inside a string") }
        switch bytes[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 2
        case UInt8(ascii: "u"):
            let start = index
            let unit = try hexUnit(bytes)
            guard (0xD800...0xDFFF).contains(unit) else { return }
            // Half of a pair stands for no character: it could not be stored as text.
            guard unit < 0xDC00, index + 1 < count, bytes[index] == UInt8(ascii: "\\"),
                bytes[index + 1] == UInt8(ascii: "u"), (0xDC00...0xDFFF).contains(try hexUnit(bytes))
            else {
                index = start
                throw error(bytes, "half of a surrogate pair")
            }
        default: throw error(bytes, "unknown escape")
        }
    }

    private mutating func hexUnit(_ bytes: Span<UInt8>) throws(JSONSyntaxError) -> Int {
        guard index + 6 <= count else { throw error(bytes, "expected four hex digits after \\u") }
        var unit = 0
        for offset in 2..<6 {
            guard let digit = Character(Unicode.Scalar(bytes[index + offset])).hexDigitValue else {
                throw error(bytes, "expected four hex digits after \\u")
            }
            unit = unit << 4 | digit
        }
        index += 6
        return unit
    }

    /// One UTF-8 sequence of two to four bytes; overlong forms and surrogates are refused (Unicode, table 3-7).
    private mutating func multibyte(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        let second: ClosedRange<UInt8>
        let length: Int
        switch bytes[index] {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw error(bytes, "not UTF-8")
        }
        guard index + length <= count, second.contains(bytes[index + 1]) else { throw error(bytes, "not UTF-8") }
        for offset in 2..<max(length, 2) where bytes[index + offset] & 0xC0 != 0x80 {
            throw error(bytes, "not UTF-8")
        }
        index += length
    }

    private mutating func number(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        if bytes[index] == UInt8(ascii: "-") { index += 1 }
        if index < count, bytes[index] == UInt8(ascii: "0") {
            index += 1
            if index < count, isDigit(bytes[index]) { throw error(bytes, "a number may not start with 0") }
        } else {
            try digits(bytes)
        }
        if index < count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            try digits(bytes)
        }
        if index < count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") { index += 1 }
            try digits(bytes)
        }
    }

    private mutating func digits(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        guard index < count, isDigit(bytes[index]) else { throw error(bytes, "expected a digit") }
        while index < count, isDigit(bytes[index]) { index += 1 }
    }

    private mutating func word(_ word: StaticString, _ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        let text = word.description
        for byte in text.utf8 {
            guard index < count, bytes[index] == byte else { throw error(bytes, "expected \(text)") }
            index += 1
        }
    }

    private mutating func skipSpace(_ bytes: Span<UInt8>) {
        while index < count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private func error(_ bytes: Span<UInt8>, _ reason: String) -> JSONSyntaxError {
        var line = 1
        var column = 1
        for offset in 0..<min(index, count) {
            if bytes[offset] == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
        return JSONSyntaxError(line: line, column: column, reason: reason)
    }
}
