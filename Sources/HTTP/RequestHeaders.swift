/// The header fields of a request, kept as the bytes they came in.
package struct RequestHeaders: Sendable {
    struct Field {
        let name: Range<Int>
        let value: Range<Int>
    }

    let bytes: [UInt8]
    let fields: [Field]

    package var count: Int { fields.count }

    /// How much memory the head's bytes take.
    package var byteCount: Int { bytes.count }

    /// The value of the first field of this name.
    ///
    /// Bytes that are not UTF-8 come out as U+FFFD.
    ///
    /// - `name`: In lower case.
    package func first(_ name: StaticString) -> String? {
        for field in fields where isEqual(field.name, name) {
            return String(decoding: bytes[field.value], as: UTF8.self)
        }
        return nil
    }

    /// All fields in the order they were sent, names as they were sent.
    package func forEach(_ body: (_ name: String, _ value: String) -> Void) {
        for field in fields {
            body(
                String(decoding: bytes[field.name], as: UTF8.self),
                String(decoding: bytes[field.value], as: UTF8.self)
            )
        }
    }

    private func isEqual(_ range: Range<Int>, _ lowercased: StaticString) -> Bool {
        ASCII.isEqual(bytes.span, range, lowercased)
    }
}
