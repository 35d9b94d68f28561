internal import COpenSSL

/// A keyed hash: what SigV4 and Azure's shared key sign with.
package enum HMAC {
    /// HMAC-SHA256 of `message` under `key`, which may be empty or of any length.
    ///
    /// - SeeAlso: <https://docs.openssl.org/3.0/man3/EVP_MAC/>
    package static func sha256(key: [UInt8], _ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let mac = EVP_MAC_fetch(nil, "HMAC", nil) else { throw CryptoError("EVP_MAC_fetch") }
        defer { EVP_MAC_free(mac) }
        guard let context = EVP_MAC_CTX_new(mac) else { throw CryptoError("EVP_MAC_CTX_new") }
        defer { EVP_MAC_CTX_free(context) }

        // A key of no bytes still needs an address: with a null key EVP_MAC_init looks for one set before.
        let keyOrZero = key.isEmpty ? [0] : key
        var digestName = Array("SHA256".utf8CString)
        let initialized = digestName.withUnsafeMutableBufferPointer { name in
            let parameters = [
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.baseAddress, 0),
                OSSL_PARAM_construct_end(),
            ]
            return EVP_MAC_init(context, keyOrZero, key.count, parameters)
        }
        guard initialized == 1 else { throw CryptoError("EVP_MAC_init") }
        guard EVP_MAC_update(context, message, message.count) == 1 else { throw CryptoError("EVP_MAC_update") }
        var result = [UInt8](repeating: 0, count: DigestAlgorithm.sha256.byteCount)
        var length = 0
        guard EVP_MAC_final(context, &result, &length, result.count) == 1 else { throw CryptoError("EVP_MAC_final") }
        guard length == result.count else { throw CryptoError("EVP_MAC_final", reason: "gave \(length) bytes") }
        return result
    }
}
