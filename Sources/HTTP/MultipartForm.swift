/// The parts of a `multipart/form-data` body (RFC 7578).
package enum MultipartForm {
    package enum Failure: Error, Equatable {
        case notMultipart
        case malformed
        case tooManyParts(max: Int)
    }

    package static var partsMax: Int { 32 }

    /// The contents of all parts, in order.
    ///
    /// - `type`: The value of `Content-Type`.
    package static func parts(of body: [UInt8], type: String?) throws(Failure) -> [ArraySlice<UInt8>] {
        guard let type, let boundary = boundary(in: type) else { throw .notMultipart }
        // Each delimiter but the first stands at the start of a line; the first may open the body.
        let delimiter = Array("\r\n--\(boundary)".utf8)
        var parts: [ArraySlice<UInt8>] = []
        var index: Int
        if body.starts(with: delimiter.dropFirst(2)) {
            index = delimiter.count - 2
        } else if let first = find(delimiter, in: body, from: 0) {
            index = first + delimiter.count
        } else {
            throw .malformed
        }
        while true {
            if body[index...].starts(with: "--".utf8) { return parts }
            while index < body.count, ASCII.isSpace(body[index]) { index += 1 }
            guard body[index...].starts(with: "\r\n".utf8) else { throw .malformed }
            // The empty line that ends the part's fields; with no fields at all it follows at once. It must come before
            // the delimiter: another part's empty line would make two parts one.
            guard let blank = find(Array("\r\n\r\n".utf8), in: body, from: index),
                let end = find(delimiter, in: body, from: index), end >= blank + 2
            else { throw .malformed }
            guard parts.count < partsMax else { throw .tooManyParts(max: partsMax) }
            parts.append(body[min(blank + 4, end)..<end])
            index = end + delimiter.count
        }
    }

    private static func boundary(in type: String) -> String? {
        let fields = type.split(separator: ";")
        guard let media = fields.first, trimmed(media).lowercased() == "multipart/form-data" else { return nil }
        for field in fields.dropFirst() {
            let pair = field.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, trimmed(pair[0]).lowercased() == "boundary" else { continue }
            var value = trimmed(pair[1])
            if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") { value = value.dropFirst().dropLast() }
            return (1...70).contains(value.utf8.count) ? String(value) : nil
        }
        return nil
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    private static func find(_ pattern: [UInt8], in body: [UInt8], from start: Int) -> Int? {
        guard body.count >= pattern.count, start <= body.count - pattern.count else { return nil }
        for index in start...(body.count - pattern.count) where body[index] == pattern[0] {
            if body[index...].starts(with: pattern) { return index }
        }
        return nil
    }
}
