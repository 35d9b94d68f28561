/// Text a person typed into one line: a title, a name.
package enum ShortText {
    /// The text without white space at its ends; nil if it is then empty or longer than `lengthMax` code points.
    ///
    /// White space is Unicode's White_Space property, and the length counts code points, because the OpenAPI document
    /// says exactly that.
    package static func normalized(_ text: String, lengthMax: Int) -> String? {
        var scalars = text.unicodeScalars[...]
        while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        guard !scalars.isEmpty, scalars.count <= lengthMax else { return nil }
        return scalars.count == text.unicodeScalars.count ? text : String(scalars)
    }
}
