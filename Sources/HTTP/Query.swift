/// The parameters behind a path's question mark (`application/x-www-form-urlencoded`).
package struct Query: Sendable {
    private var parameters: [(name: String, value: String)] = []

    /// - Parameter text: Still encoded; nil if there is no question mark.
    package init(_ text: String?) {
        guard let text, !text.isEmpty else { return }
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            parameters.append((Self.decode(name), Self.decode(pair.dropFirst(name.count + 1))))
        }
    }

    /// All values of a name, in order.
    package func values(_ name: String) -> [String] {
        parameters.filter { $0.name == name }.map(\.value)
    }

    /// A percent sign that two hex digits do not follow stands for itself, as in the WHATWG's URL standard.
    private static func decode(_ text: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap(ASCII.hexValue)
            if byte == UInt8(ascii: "%"), digits.count == 2 {
                bytes.append(UInt8(digits[0] << 4 | digits[1]))
                rest.removeFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? ASCII.space : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
