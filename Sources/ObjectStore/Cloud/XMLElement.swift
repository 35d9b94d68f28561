/// An element of an XML document, with what the stores' answers use: names, attributes, text and children.
///
/// Parsed here, in memory-safe code, and not by a C library: the answers need a tenth of XML, and what makes XML
/// parsers dangerous (document types, entities that expand, other encodings) is an error instead of an option.
struct XMLElement: Equatable {
    /// Without a namespace prefix.
    let name: String
    var attributes: [String: String] = [:]
    var children: [XMLElement] = []
    /// All text directly in the element.
    var text = ""

    init(name: String) { self.name = name }

    /// The first child of this name.
    func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }

    /// The text of the first child of this name.
    func text(_ name: String) -> String? { child(name)?.text }
}

/// What is wrong with a document, and where.
struct XMLError: Error, Equatable, CustomStringConvertible {
    let message: String
    let offset: Int
    var description: String { "XML that cannot be read at byte \(offset): \(message)" }
}

extension XMLElement {
    static let depthMax = 16
    static let elementsMax = 100_000

    /// The root element of a complete, well-formed document.
    init(parsing document: [UInt8]) throws(XMLError) {
        guard String(validating: document, as: UTF8.self) != nil else {
            throw XMLError(message: "not UTF-8", offset: 0)
        }
        var parser = XMLParser(document)
        self = try parser.document()
    }
}

private struct XMLParser {
    private let bytes: [UInt8]
    private var place = 0
    private var elementCount = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { place = 3 }  // a byte order mark, which Azure sends
    }

    mutating func document() throws(XMLError) -> XMLElement {
        try skipMisc()
        let root = try element(depth: 1)
        try skipMisc()
        guard place == bytes.count else { throw error("something behind the root element") }
        return root
    }

    private mutating func element(depth: Int) throws(XMLError) -> XMLElement {
        elementCount += 1
        guard depth <= XMLElement.depthMax, elementCount <= XMLElement.elementsMax else {
            throw error("too many elements")
        }
        try expect("<")
        let tag = try name()
        var element = XMLElement(name: localPart(tag))
        while try attribute(&element) {}
        if take("/>") { return element }
        try expect(">")
        while true {
            try text(&element.text)
            // The byte behind the < says what begins, which in a listing of a thousand keys saves many comparisons.
            let mark = place + 1 < bytes.count ? bytes[place + 1] : nil
            if mark == UInt8(ascii: "/") {
                place += 2
                guard try name() == tag else { throw error("an end tag that is not that of \(tag)") }
                skipSpace()
                try expect(">")
                return element
            } else if mark == UInt8(ascii: "!"), take("<!--") {
                try skip(through: "-->")
            } else if mark == UInt8(ascii: "!"), take("<![CDATA[") {
                let start = place
                try skip(through: "]]>")
                element.text += String(decoding: bytes[start..<(place - 3)], as: UTF8.self)
            } else if mark == UInt8(ascii: "?") {
                place += 2
                try skip(through: "?>")
            } else {
                element.children.append(try self.element(depth: depth + 1))
            }
        }
    }

    /// Reads one attribute, or nothing when the tag ends here.
    private mutating func attribute(_ element: inout XMLElement) throws(XMLError) -> Bool {
        let hasSpace = skipSpace()
        guard let next = peek, next != UInt8(ascii: ">"), next != UInt8(ascii: "/") else { return false }
        guard hasSpace else { throw error("no space before an attribute") }
        let name = try name()
        skipSpace()
        try expect("=")
        skipSpace()
        guard let quote = peek, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
            throw error("an attribute without quotes")
        }
        place += 1
        var value = ""
        try text(&value, until: quote)
        place += 1
        guard element.attributes.updateValue(value, forKey: name) == nil else { throw error("\(name) twice") }
        return true
    }

    /// Appends text up to `end`, with its references replaced.
    private mutating func text(_ text: inout String, until end: UInt8 = UInt8(ascii: "<")) throws(XMLError) {
        var start = place
        while let byte = peek, byte != end {
            guard byte != UInt8(ascii: "<") else { throw error("a < in an attribute") }
            if byte == UInt8(ascii: "&") {
                text += String(decoding: bytes[start..<place], as: UTF8.self)
                text += try reference()
                start = place
            } else {
                place += 1
            }
        }
        guard peek != nil else { throw error("the end is missing") }
        if place > start { text += String(decoding: bytes[start..<place], as: UTF8.self) }
    }

    private mutating func reference() throws(XMLError) -> String {
        let rest = bytes[(place + 1)...].prefix(12)
        guard let end = rest.firstIndex(of: UInt8(ascii: ";")) else { throw error("a & alone") }
        let name = String(decoding: bytes[(place + 1)..<end], as: UTF8.self)
        let named = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'"]
        let text: String?
        if name.hasPrefix("#") {
            let digits = name.hasPrefix("#x") ? name.dropFirst(2) : name.dropFirst()
            let isNumber = digits.utf8.allSatisfy { $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }
            let number = isNumber ? UInt32(digits, radix: name.hasPrefix("#x") ? 16 : 10) : nil
            text = number.flatMap(Unicode.Scalar.init).map { String(Character($0)) }
        } else {
            text = named[name]
        }
        guard let text else { throw error("the unknown reference &\(name);") }
        place = end + 1
        return text
    }

    // MARK: Pieces

    private mutating func name() throws(XMLError) -> String {
        let start = place
        while let byte = peek, isNameByte(byte) { place += 1 }
        guard place > start else { throw error("a name is missing") }
        return String(decoding: bytes[start..<place], as: UTF8.self)
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "-"),
            UInt8(ascii: "."), 0x80...:
            true
        default: false
        }
    }

    private func localPart(_ name: String) -> String {
        guard name.utf8.contains(UInt8(ascii: ":")) else { return name }
        return name.split(separator: ":", maxSplits: 1).last.map(String.init) ?? name
    }

    /// Skips what may stand around the root element; a document type is not among it.
    private mutating func skipMisc() throws(XMLError) {
        while true {
            skipSpace()
            if take("<?") { try skip(through: "?>") } else if take("<!--") { try skip(through: "-->") } else { return }
        }
    }

    @discardableResult
    private mutating func skipSpace() -> Bool {
        let start = place
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { place += 1 }
        return place > start
    }

    private mutating func skip(through end: String) throws(XMLError) {
        while place < bytes.count {
            if take(end) { return }
            place += 1
        }
        throw error("the end is missing")
    }

    private mutating func take(_ text: String) -> Bool {
        guard bytes[place...].starts(with: text.utf8) else { return false }
        place += text.utf8.count
        return true
    }

    private mutating func expect(_ text: String) throws(XMLError) {
        guard take(text) else { throw error("\(text) is missing") }
    }

    private var peek: UInt8? { place < bytes.count ? bytes[place] : nil }

    private func error(_ message: String) -> XMLError { XMLError(message: message, offset: place) }
}
