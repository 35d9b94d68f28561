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
            switch byte {
            case UInt8(ascii: "+"): bytes.append(ASCII.space)
            case UInt8(ascii: "%"): bytes.append(escaped(&rest) ?? byte)
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Takes two hex digits; nil, and nothing taken, if they are not there.
    private static func escaped(_ rest: inout Substring.UTF8View) -> UInt8? {
        var digits = rest
        guard let high = digits.popFirst().flatMap(ASCII.hexValue), let low = digits.popFirst().flatMap(ASCII.hexValue)
        else { return nil }
        rest = digits
        return UInt8(high << 4 | low)
    }
}
