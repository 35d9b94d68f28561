internal import COpenSSL

/// A private RSA key that signs with PKCS#1 v1.5 and SHA-256, the `RS256` of a service account's JWT.
///
/// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc7518#section-3.3>
package final class RSASigner: Sendable {
    private let key: Key

    /// Owns the key; apart, so that the pointer's `Sendable` promise covers nothing else.
    private final class Key: @unchecked Sendable {
        // Safe to share: it is never changed once loaded, and OpenSSL 3 allows concurrent use of one EVP_PKEY.
        let pointer: OpaquePointer
        init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { EVP_PKEY_free(pointer) }
    }

    /// Reads an unencrypted PEM key (`BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`).
    package init(pem: String) throws(CryptoError) {
        let bytes = Array(pem.utf8)
        guard !bytes.isEmpty, let length = Int32(exactly: bytes.count) else {
            throw CryptoError("PEM_read_bio_PrivateKey", reason: "the key is empty")
        }
        let pointer: OpaquePointer? = bytes.withUnsafeBytes { buffer in
            guard let bio = BIO_new_mem_buf(buffer.baseAddress, length) else { return nil }
            defer { BIO_free(bio) }
            // The callback answers "no passphrase"; the default one would ask on the terminal and hang a server.
            return PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in 0 }, nil)
        }
        guard let pointer else { throw CryptoError("PEM_read_bio_PrivateKey") }
        key = Key(pointer)
        guard EVP_PKEY_get_base_id(pointer) == EVP_PKEY_RSA else {
            throw CryptoError("PEM_read_bio_PrivateKey", reason: "not an RSA key")
        }
    }

    /// The RS256 signature of `message`.
    package func signSHA256(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { throw CryptoError("EVP_MD_CTX_new") }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key.pointer) == 1 else {
            throw CryptoError("EVP_DigestSignInit")
        }
        var length = 0
        guard EVP_DigestSign(context, nil, &length, message, message.count) == 1 else {
            throw CryptoError("EVP_DigestSign")
        }
        var signature = [UInt8](repeating: 0, count: length)
        guard EVP_DigestSign(context, &signature, &length, message, message.count) == 1 else {
            throw CryptoError("EVP_DigestSign")
        }
        signature.removeLast(signature.count - length)
        return signature
    }
}
