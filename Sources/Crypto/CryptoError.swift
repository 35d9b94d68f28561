internal import COpenSSL

/// A call into libcrypto that did not work, with the reason libcrypto gives.
///
/// Digests and MACs of bytes in memory fail only when memory is short or the library is broken,
/// so a caller may pass this on; a key that cannot be read is the case that users meet.
package struct CryptoError: Error, Equatable, CustomStringConvertible {
    /// The function that failed.
    package let function: String
    /// What libcrypto's error queue said; never key material.
    package let reason: String

    package var description: String { "\(function): \(reason)" }

    /// Takes the newest entry of this thread's error queue and empties the queue.
    init(_ function: String) {
        self.function = function
        let code = ERR_peek_last_error()
        ERR_clear_error()
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &text, text.count)
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        reason = code == 0 ? "no reason given" : String(decoding: bytes, as: UTF8.self)
    }

    /// For failures that libcrypto does not report itself.
    init(_ function: String, reason: String) {
        (self.function, self.reason) = (function, reason)
    }
}
