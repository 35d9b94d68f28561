/// What a statement's parameter is bound to.
package enum Value: Sendable, Hashable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    package static func text(_ text: String?) -> Value {
        if let text { .text(text) } else { .null }
    }
}
