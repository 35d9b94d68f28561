/// A text that was put up for others to read: what `GET /{id}` gives back, byte for byte.
package struct Paste: Sendable, Equatable {
    package static let bytesMax = 2 << 20
    package static let idLength = 8
    package static let idAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    package let id: String
    package let contents: [UInt8]

    package init(id: String, contents: [UInt8]) {
        self.id = id
        self.contents = contents
    }

    /// An id that nobody can guess: 62 to the power of 8 are 218 million million.
    package static func newID(using generator: inout some RandomNumberGenerator) -> String {
        let characters = (0..<idLength).compactMap { _ in idAlphabet.randomElement(using: &generator) }
        return String(decoding: characters, as: UTF8.self)
    }

    package static func isID(_ text: String) -> Bool {
        text.utf8.count == idLength && text.utf8.allSatisfy(idAlphabet.contains)
    }
}

/// Keeps pastes; errors as in ``TodoRepository``.
package protocol PasteRepository: Sendable {
    /// - Returns: False if the id is taken.
    /// - Throws: A ``Repetition`` if `once` says that it was done before.
    func create(_ paste: Paste, once: Once<Bool>?) async throws -> Written<Bool>
    func find(_ id: String) throws -> Paste?
}
