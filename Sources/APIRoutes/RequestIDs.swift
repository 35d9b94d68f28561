import HTTP
import Synchronization

/// Names for requests: the caller's own if it is sane, else one of ours.
final class RequestIDs: Sendable {
    /// Tells this process from all others.
    private let prefix: String
    private let counter = Atomic<UInt64>(0)

    init(using generator: inout some RandomNumberGenerator) {
        let number = UInt64.random(in: .min ... .max, using: &generator)
        prefix = String(String(number, radix: 36).suffix(8))
    }

    func id(for headers: RequestHeaders?) -> String {
        if let id = headers?.first("x-request-id"), isSane(id) { return id }
        return "\(prefix)-\(counter.add(1, ordering: .relaxed).newValue)"
    }

    /// It is written into logs and headers, so: short, and nothing but letters, digits and a few marks.
    private func isSane(_ id: String) -> Bool {
        (1...128).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    true
                default: "-_.:/+=".utf8.contains(byte)
                }
            }
    }
}
