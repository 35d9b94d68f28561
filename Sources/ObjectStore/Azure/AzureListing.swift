/// One page of `List Blobs`.
///
/// - SeeAlso: <https://learn.microsoft.com/rest/api/storageservices/list-blobs>
struct AzureListing: Equatable {
    let objects: [ObjectInfo]
    /// Where the next page begins; opaque.
    let marker: String?

    /// Strict: an entry that is passed over would be an object that a restore misses.
    init(_ body: [UInt8], keys: KeySpace) throws(StoreAnswerError) {
        let root: XMLElement
        do throws(XMLError) { root = try XMLElement(parsing: body) } catch {
            throw StoreAnswerError(message: "\(error)")
        }
        guard root.name == "EnumerationResults", let blobs = root.child("Blobs") else {
            throw StoreAnswerError(message: "not a listing: <\(root.name)>")
        }
        var objects: [ObjectInfo] = []
        for blob in blobs.children where blob.name == "Blob" {
            guard let name = blob.child("Name"), let properties = blob.child("Properties"),
                let size = properties.text("Content-Length").flatMap(Int.init), size >= 0,
                let modified = properties.text("Last-Modified").flatMap(StoreTime.init(httpDate:)),
                // A name that XML cannot hold is percent-encoded, and marked so.
                let fullKey = name.attributes["Encoded"] == "true" ? PercentEncoding.decode(name.text) : name.text
            else { throw StoreAnswerError(message: "an entry without name, size or time") }
            guard let key = keys.relative(fullKey) else {
                throw StoreAnswerError(message: "\"\(fullKey)\" was not asked for")
            }
            let etag = properties.text("Etag").flatMap(unquotedETag)
            objects.append(ObjectInfo(key: key, size: size, etag: etag, lastModified: modified))
        }
        self.objects = objects
        marker = root.text("NextMarker").flatMap { $0.isEmpty ? nil : $0 }
    }
}
