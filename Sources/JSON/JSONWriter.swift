/// Writes JSON text straight into bytes, in the order it is told to.
///
/// A list of 100 rows takes `JSONEncoder` five times as long, and it does not keep the order of keys. This is the one
/// place that knows how JSON is escaped; the tests hold it against Foundation's decoder.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    /// Whether the next key or element follows another one.
    private var needsComma = false

    package init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Starts a member of an object; its value must follow.
    ///
    /// The name is a literal of printable ASCII without quotes or backslashes, so its author sees that it needs no escape.
    @inline(__always)
    package mutating func key(_ name: StaticString) {
        let count = name.utf8CodeUnitCount
        let comma = needsComma ? 1 : 0
        needsComma = false
        unsafe append(upTo: count + 4) { output in
            unsafe output[0] = UInt8(ascii: ",")
            unsafe output[comma] = UInt8(ascii: "\"")
            unsafe (output + comma + 1).update(from: name.utf8Start, count: count)
            unsafe output[comma + 1 + count] = UInt8(ascii: "\"")
            unsafe output[comma + 2 + count] = UInt8(ascii: ":")
            return comma + 3 + count
        }
    }

    package mutating func null() { literal("null") }
    package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

    package mutating func integer(_ value: Int64) {
        separate()
        needsComma = true
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        appendDigits(value.magnitude)
    }

    /// Writes a number with a fixed count of decimals.
    ///
    /// - Parameters:
    ///   - value: The number times 10 to the power of `decimals`.
    ///   - decimals: How many digits of `value` stand behind the point; at most 19.
    package mutating func fixed(_ value: UInt64, decimals: Int) {
        separate()
        needsComma = true
        var scale: UInt64 = 1
        for _ in 0..<decimals { scale *= 10 }
        appendDigits(value / scale)
        guard decimals > 0 else { return }
        bytes.append(UInt8(ascii: "."))
        var fraction = value % scale
        while scale > 1 {
            scale /= 10
            bytes.append(UInt8(ascii: "0") + UInt8(fraction / scale))
            fraction %= scale
        }
    }

    package mutating func string(_ value: String) {
        separate()
        needsComma = true
        var value = value
        value.withUTF8 { text in
            let plainCount = unsafe Self.plainPrefix(text)
            if plainCount == text.count {
                unsafe appendQuoted(text)
            } else {
                bytes.append(UInt8(ascii: "\""))
                unsafe appendEscaped(text, plainCount)
                bytes.append(UInt8(ascii: "\""))
            }
        }
    }

    /// Writes text that is lent as UTF-8; where it is not, U+FFFD stands instead.
    package mutating func string(utf8: Span<UInt8>) {
        unsafe utf8.withUnsafeBufferPointer { text in
            guard unsafe Self.isPlainASCII(text) else { return unsafe string(String(decoding: text, as: UTF8.self)) }
            separate()
            needsComma = true
            unsafe appendQuoted(text)
        }
    }

    /// Writes text whose bytes need no escaping, such as a word of ours.
    @inline(__always)
    package mutating func plain(_ value: StaticString) {
        separate()
        needsComma = true
        unsafe appendQuoted(UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }

    /// Writes a string of bytes that the caller appends, none of which may need escaping.
    @inline(__always)
    package mutating func plain(_ append: (inout [UInt8]) -> Void) {
        separate()
        needsComma = true
        bytes.append(UInt8(ascii: "\""))
        append(&bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Ends a line, for logs of one JSON object per line.
    package mutating func newline() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    private mutating func literal(_ text: StaticString) {
        separate()
        needsComma = true
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    @inline(__always)
    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func appendDigits(_ value: UInt64) {
        var divisor: UInt64 = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }

    /// Lets `body` write into fresh memory, and keeps as many bytes as it says.
    @inline(__always)
    private mutating func append(upTo count: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
        bytes.append(addingCapacity: count) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, initializedCount in
                if let start = buffer.baseAddress { initializedCount = unsafe body(start) }
            }
        }
    }

    @inline(__always)
    private mutating func appendQuoted(_ text: UnsafeBufferPointer<UInt8>) {
        unsafe append(upTo: text.count + 2) { output in
            unsafe output[0] = UInt8(ascii: "\"")
            if let start = text.baseAddress { unsafe (output + 1).update(from: start, count: text.count) }
            unsafe output[text.count + 1] = UInt8(ascii: "\"")
            return text.count + 2
        }
    }

    /// Whether no byte needs an escape or a look at its encoding; eight are looked at together.
    private static func isPlainASCII(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard text.count >= 8 else { return unsafe text.allSatisfy { $0 < 0x80 && !needsEscape($0) } }
        let words = UnsafeRawBufferPointer(text)
        // The last word may overlap the one before it.
        for index in stride(from: 0, to: text.count, by: 8) {
            let word = unsafe words.loadUnaligned(fromByteOffset: min(index, text.count - 8), as: UInt64.self)
            guard word & 0x8080_8080_8080_8080 == 0, !hasEscape(word) else { return false }
        }
        return true
    }

    /// How many bytes at the start need no escape; eight are looked at together.
    private static func plainPrefix(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        let words = UnsafeRawBufferPointer(text)
        var index = 0
        while index + 8 <= text.count, unsafe !hasEscape(words.loadUnaligned(fromByteOffset: index, as: UInt64.self)) {
            index += 8
        }
        // The last word may overlap the one before it.
        if text.count >= 8, index > text.count - 8,
            unsafe !hasEscape(words.loadUnaligned(fromByteOffset: text.count - 8, as: UInt64.self))
        {
            return text.count
        }
        while index < text.count, unsafe !needsEscape(text[index]) { index += 1 }
        return index
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    /// Whether one of eight bytes needs an escape.
    ///
    /// Subtracting borrows into the top bit of a byte that is smaller; that bit counts only where it was not set before.
    /// - SeeAlso: <https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord>
    private static func hasEscape(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let control = (word &- ones &* 0x20) & ~word
        let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
        let backslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
        let special = ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
        return (control | special) & (ones &* 0x80) != 0
    }

    /// Copies runs that need no escape in one go; the first is `plainCount` long.
    private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>, _ plainCount: Int) {
        var start = 0
        var index = plainCount
        while index < text.count {
            let byte = unsafe text[index]
            guard Self.needsEscape(byte) else {
                index += 1
                continue
            }
            unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index]))
            appendEscape(of: byte)
            index += 1
            start = index
        }
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
    }

    private mutating func appendEscape(of byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        default:
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
            let low = byte & 0x0F
            bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        }
    }
}
