internal import HTTPClient

extension ObjectRange {
    /// The `Range` header.
    var header: String { "bytes=\(offset)-\(offset + count - 1)" }
}

/// An ETag as all of a store's answers give it: some leave out the quotes in listings, and an empty one says nothing.
func unquotedETag(_ text: String) -> String? {
    let isQuoted = text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"")
    let etag = isQuoted ? String(text.dropFirst().dropLast()) : text
    return etag.isEmpty ? nil : etag
}

extension ClientAnswer {
    var etag: String? { header("etag").flatMap(unquotedETag) }

    func info(_ key: String, size: Int) -> ObjectInfo {
        ObjectInfo(
            key: key,
            size: size,
            etag: etag,
            lastModified: header("last-modified").flatMap(StoreTime.init(httpDate:)),
            storeTime: storeTime
        )
    }

    /// The object in the answer to a GET, once the answer is known to be all of what was asked for.
    ///
    /// The ETag is compared here and not by the server: some (rclone) ignore `If-Match`, others (Ceph 16) want it
    /// without its quotes, and an answer is always of one state of the object. `error` makes the error. A range may come with 200, which some services send; but then
    /// with a `Content-Range` that says it is one, for else it is the whole object.
    func object(
        _ key: String,
        _ range: ObjectRange?,
        ifMatch: String?,
        error: (ObjectStoreError.Kind, String) -> ObjectStoreError
    ) throws(ObjectStoreError) -> StoredObject {
        func damaged(_ detail: String) -> ObjectStoreError { error(.damaged, detail) }
        if let ifMatch, etag != ifMatch {
            throw error(.changed, "its ETag is \(etag ?? "missing"), not \(ifMatch)")
        }
        let length = header("content-length").flatMap(Int.init)
        guard length == body.count || length == nil && header("transfer-encoding") != nil else {
            throw damaged("\(body.count) bytes came, and Content-Length is \(header("content-length") ?? "missing")")
        }
        guard let range else {
            guard status == 200 else { throw damaged("HTTP \(status) for a whole object") }
            return StoredObject(bytes: body, info: info(key, size: body.count))
        }
        guard let part = header("content-range").flatMap(ContentRange.init) else {
            throw damaged("HTTP \(status) without Content-Range for a range")
        }
        let expected = range.offset..<min(range.offset + range.count, part.size)
        guard part.bytes == expected, body.count == expected.count else {
            throw damaged("bytes \(part.bytes) of \(part.size) came for \(range.header)")
        }
        return StoredObject(bytes: body, info: info(key, size: part.size))
    }
}

/// The header of that name: `bytes 0-99/1234`.
struct ContentRange: Equatable {
    let bytes: Range<Int>
    let size: Int

    init?(_ text: String) {
        guard text.hasPrefix("bytes ") else { return nil }
        let numbers = text.dropFirst(6).split(omittingEmptySubsequences: false) { $0 == "-" || $0 == "/" }.map {
            Int($0)
        }
        guard numbers.count == 3, let first = numbers[0], let last = numbers[1], let size = numbers[2],
            0 <= first, first <= last, last < size
        else { return nil }
        (bytes, self.size) = (first..<(last + 1), size)
    }
}
