internal import COpenSSL

/// A message digest that some object store or signature asks for.
package enum DigestAlgorithm: Sendable, CaseIterable {
    case sha256
    /// For S3's `x-amz-checksum-sha1` and file fingerprints of old formats; never for signatures.
    case sha1
    /// For `Content-MD5` and single-part ETags; never for signatures.
    case md5

    /// The length of the digest.
    package var byteCount: Int {
        switch self {
        case .sha256: 32
        case .sha1: 20
        case .md5: 16
        }
    }

    var method: OpaquePointer? {
        switch self {
        case .sha256: EVP_sha256()
        case .sha1: EVP_sha1()
        case .md5: EVP_md5()
        }
    }
}

/// A digest that is fed piece by piece and read once.
///
/// - SeeAlso: <https://docs.openssl.org/3.0/man3/EVP_DigestInit/>
package struct Digest: ~Copyable {
    private let context: OpaquePointer
    private let algorithm: DigestAlgorithm

    package init(_ algorithm: DigestAlgorithm) throws(CryptoError) {
        guard let context = EVP_MD_CTX_new() else { throw CryptoError("EVP_MD_CTX_new") }
        guard EVP_DigestInit_ex(context, algorithm.method, nil) == 1 else {
            EVP_MD_CTX_free(context)
            throw CryptoError("EVP_DigestInit_ex")
        }
        (self.context, self.algorithm) = (context, algorithm)
    }

    deinit { EVP_MD_CTX_free(context) }

    package mutating func update(_ bytes: Span<UInt8>) throws(CryptoError) {
        let result = bytes.withUnsafeBufferPointer { EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
        guard result == 1 else { throw CryptoError("EVP_DigestUpdate") }
    }

    package consuming func finish() throws(CryptoError) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: algorithm.byteCount)
        var length: UInt32 = 0
        guard EVP_DigestFinal_ex(context, &digest, &length) == 1 else { throw CryptoError("EVP_DigestFinal_ex") }
        guard Int(length) == algorithm.byteCount else {
            throw CryptoError("EVP_DigestFinal_ex", reason: "gave \(length) bytes")
        }
        return digest
    }
}

extension DigestAlgorithm {
    /// The digest of bytes that are all in memory.
    package func digest(_ bytes: Span<UInt8>) throws(CryptoError) -> [UInt8] {
        var digest = try Digest(self)
        try digest.update(bytes)
        return try digest.finish()
    }

    package func digest(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8] { try digest(bytes.span) }
}
