import Crypto
import Testing

@Suite struct CryptoTests {
    @Test(arguments: [
        (DigestAlgorithm.sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (.sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (.sha1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (.sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (.md5, "", "d41d8cd98f00b204e9800998ecf8427e"),
        (.md5, "abc", "900150983cd24fb0d6963f7d28e17f72"),
    ])
    func `digests are those of FIPS 180 and RFC 1321`(algorithm: DigestAlgorithm, text: String, hex: String) throws {
        #expect(try Hex.encode(algorithm.digest(Array(text.utf8))) == hex)
    }

    @Test(arguments: DigestAlgorithm.allCases)
    func `a digest does not depend on how its input was cut`(algorithm: DigestAlgorithm) throws {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        var digest = try Digest(algorithm)
        for piece in [0..<1, 1..<1, 1..<64, 64..<999, 999..<1000] { try digest.update(Array(bytes[piece]).span) }
        let pieced = try digest.finish()
        #expect(try pieced == algorithm.digest(bytes))
        #expect(pieced.count == algorithm.byteCount)
    }

    @Test(arguments: [
        // RFC 4231, cases 1, 2 and 6 (a key longer than a block), and an empty key over an empty message.
        (
            [UInt8](repeating: 0x0b, count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        ([], "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ])
    func `an HMAC is that of RFC 4231`(key: [UInt8], message: String, hex: String) throws {
        #expect(try Hex.encode(HMAC.sha256(key: key, Array(message.utf8))) == hex)
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy"),
    ])
    func `Base64 is that of RFC 4648, both ways`(text: String, base64: String) {
        #expect(Base64.encode(Array(text.utf8)) == base64)
        #expect(Base64.decode(base64) == Array(text.utf8))
        #expect(Base64.encodeURL(Array(text.utf8)) == base64.filter { $0 != "=" })
    }

    @Test func `all 64 characters of both alphabets are in their places`() {
        let bytes = (0..<48).map { index in
            let bits = (0..<4).reduce(0) { $0 << 6 | (index / 3 * 4 + $1) }
            return UInt8(truncatingIfNeeded: bits >> (16 - 8 * (index % 3)))
        }
        let standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        #expect(Base64.encode(bytes) == standard)
        #expect(Base64.encodeURL(bytes) == standard.dropLast(2) + "-_")
        #expect(Base64.decode(standard) == bytes)
    }

    @Test(arguments: ["Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm-v"])
    func `anything but canonical padded Base64 is refused`(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func `a signature is the one that the openssl command verifies`() throws {
        // openssl genrsa 1024; printf 'header.claims' | openssl dgst -sha256 -sign key.pem | base64 -w0
        let signature = try RSASigner(pem: testKey).signSHA256(Array("header.claims".utf8))
        #expect(Base64.encode(signature) == testSignature)
    }

    @Test(arguments: ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", ellipticKey])
    func `a key that is no RSA key is refused with a reason and without its text`(pem: String) {
        #expect {
            _ = try RSASigner(pem: pem)
        } throws: { error in
            let text = "\(error)"
            return text.hasPrefix("PEM_read_bio_PrivateKey: ") && !text.contains("AAAA") && !text.contains("no reason")
        }
    }
}

/// Made for these tests and used nowhere else.
private let testKey = """
    -----BEGIN PRIVATE KEY-----
    MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAJ4Ib77/v1Im8rqo
    oEWn5Iu4apY1agwl4L80aFGjfavNsvhxY7wmEoPy6rnz+cNoiiWmOHvhLn+de7bc
    6rc7Wz+Da+qZU5luAGR9/xWn3eGEpzjFOo9iKMc9b/+SmKDx4l+CWnvNc/Rueobh
    Gr2mwgIr35SkFTdkYEBNjBrjnldpAgMBAAECgYBRzOYixHjAyl5MFirXw17+n5e0
    ZrOc1CJwdm0lDO5o9pGUHgVVB5P/7sZnOI1pA3y2nkKQhO+vqNG3xsRL0hKZjlx3
    DDqMuH5TH4S1gghD9ujNuDzrwoX2JDKYYHSS+cvmljwMIsoEsipcnX796KRiOp96
    zD5CdCuK+Pd0Oj0a8QJBAM6ruXYxeIBMnWJroldRqvohOtL6F7mgtIcQDoJkuvsF
    wNn7tqzVGgEk3GgK7OE3L1xjCqQCTviYa140VzPURmUCQQDDwMcJJW1ExBLUnCTR
    YDG/bRdgsKdbPgtgQY4bCjVKU7kq48RMbULx27sukr6I1gSOlrjldua+EVN6d4ih
    TCq1AkEAxGcrm+gNlRe6JZMWNxc0ffpgVak4LL9NcGFQ+JfTncRs7nsosfzedqHa
    F8HyNWFlT84Liatr8xGeT2s8R9P+hQJAJlP4pLHPU0eQ6FAqZVSQaQrTKPttyU+8
    qnwrdt/oz0TVXLB8HvrFwNVlMRlKdUByY/je+w7s3wpFbhU5i1t+gQJBALU0q0lP
    Pl5VlXVHunnr1g25POD1VNQbKlizXe0w13YcrH/EnNdKdDWWTnzOoLBYpeaKZSQ1
    y+DUBl4lCuX7+eY=
    -----END PRIVATE KEY-----
    """

private let testSignature = """
    JCavBApJQ1SYK6C4mCu9Fh0UnylnQjZ+4Zp3rdcTZYN+vYjWeZZKRTntLHee29t6AzQRQ3E8EyPA\
    rS0aFfL+Q3MR2fJZsTUn+FHlqWMGb0d+MIoFsFaeEE09/ZlcigPmLlBaDYPdW2aIX/84jM/1wrm2\
    Ts+F29RffOPbgTr4TgY=
    """

private let ellipticKey = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFg6nW7dhZ0l1+MMh
    7Y02hBE0353iwAxGLW29jNPBcIqhRANCAARlDz4WldJfu0L5vx9gMXt1x1+nxqKg
    aw3BrZ6KBlUUOoTrsmJwUZ4+qwjmSDnfnxS5T9Nx+ZI+ma82obdtW2MU
    -----END PRIVATE KEY-----
    """
