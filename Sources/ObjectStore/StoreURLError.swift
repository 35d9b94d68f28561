/// What is wrong with a replica's URL or settings, in words for whoever wrote them.
package struct StoreURLError: Error, Equatable, CustomStringConvertible {
    package let message: String
    package var description: String { message }

    package init(_ message: String) { self.message = message }
}
