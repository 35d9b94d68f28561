import Domain
import HTTP

extension Response {
    /// Tells a client what to ask of whoever it reads from next.
    mutating func add(_ receipt: Receipt?) {
        if let receipt { add("X-Replicated-TXID", receipt.text) }
    }
}
