/// What a write found or made, now that it is durable.
package struct Written<Value: Sendable>: Sendable {
    package let value: Value
    /// Nil if there is no log: then whoever can read at all reads this write.
    package let receipt: Receipt?

    package init(_ value: Value, _ receipt: Receipt?) {
        self.value = value
        self.receipt = receipt
    }
}

/// A place in the log, which is totally ordered: who has read the log up to there has the write that it was given for.
package struct Receipt: Sendable, Equatable, Comparable {
    /// The transaction's number.
    package let txid: UInt64

    package init(txid: UInt64) {
        self.txid = txid
    }

    /// Reads 16 lower-case hexadecimal digits, which is what ``text`` writes, and nothing else.
    package init?(_ text: String) {
        let isDigit = { (byte: UInt8) in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
        guard text.utf8.count == 16, text.utf8.allSatisfy(isDigit), let txid = UInt64(text, radix: 16) else {
            return nil
        }
        self.txid = txid
    }

    package var text: String {
        let digits = String(txid, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    package static func < (left: Self, right: Self) -> Bool { left.txid < right.txid }
}
