/// Keys as a store sees them: the caller's behind the store's own prefix.
struct KeySpace: Sendable, Equatable {
    /// Empty, or ending in `/`.
    let prefix: String
    /// Whether a key may begin with a slash, as those do that Litestream makes at the root of a bucket.
    private let takesLeadingSlash: Bool

    static let keyBytesMax = 1024

    /// - Parameters:
    ///   - path: Slashes around it and doubled slashes in it mean nothing.
    ///   - isBucket: Whether the store takes keys as they are, and none for the name of a file.
    init(path: some StringProtocol, isBucket: Bool = false) {
        let components = path.split(separator: "/")
        prefix = components.isEmpty ? "" : components.joined(separator: "/") + "/"
        takesLeadingSlash = isBucket && components.isEmpty
    }

    /// The store's name for `key`, or what is wrong with it.
    func full(
        _ key: String,
        _ operation: ObjectStoreError.Operation,
        _ store: String
    ) throws(ObjectStoreError) -> String {
        let full = prefix + key
        let checked = takesLeadingSlash && key.utf8.first == UInt8(ascii: "/") ? key.utf8.dropFirst() : key.utf8[...]
        let problem: String? =
            if checked.isEmpty {
                "a key must not be empty"
            } else if full.utf8.count > Self.keyBytesMax {
                "with the store's prefix it has \(full.utf8.count) bytes, and \(Self.keyBytesMax) is the most"
            } else if key.utf8.contains(0) {
                "it contains a zero byte"
            } else if checked.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).contains(where: {
                $0.isEmpty || $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8)
            }) {
                "a component of it is empty, \".\" or \"..\""
            } else {
                nil
            }
        guard let problem else { return full }
        throw ObjectStoreError(.invalidKey, operation, key: key, store: store, problem)
    }

    /// The caller's name for a key of the store, or nil when it is not below the prefix.
    func relative(_ full: String) -> String? {
        guard full.utf8.starts(with: prefix.utf8) else { return nil }
        return String(decoding: full.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
    }
}

/// The order of keys: by the bytes of their UTF-8, where Swift's own goes by characters.
func isOrdered(_ one: String, before other: String) -> Bool {
    one.utf8.lexicographicallyPrecedes(other.utf8)
}
