import HTTPClient
import Testing

@Suite struct CABundleTests {
    @Test(arguments: [
        ([:], ["/etc/ssl/certs/ca-certificates.crt"], CABundle.file("/etc/ssl/certs/ca-certificates.crt")),
        ([:], ["/etc/ssl/cert.pem"], .file("/etc/ssl/cert.pem")),
        (["SSL_CERT_FILE": "/my.pem"], ["/my.pem", "/etc/ssl/cert.pem"], .file("/my.pem")),
        (["SSL_CERT_DIR": "/my"], ["/my", "/etc/ssl/cert.pem"], .folder("/my")),
        (["SSL_CERT_FILE": ""], ["/etc/ssl/cert.pem"], .file("/etc/ssl/cert.pem")),
    ])
    func `the bundle is the one named, else the first usual one`(
        environment: [String: String],
        readable: [String],
        expected: CABundle
    ) {
        #expect(CABundle.find(environment) { readable.contains($0) } == expected)
    }

    @Test func `a machine without a bundle gets a message that names the package and the variable`() {
        guard case .missing(let message) = CABundle.find([:], isReadable: { _ in false }) else {
            Issue.record("found one")
            return
        }
        #expect(message.contains("ca-certificates") && message.contains("SSL_CERT_FILE"))
    }

    @Test func `a named bundle that cannot be read is an error, not a reason to take another`() {
        let bundle = CABundle.find(["SSL_CERT_FILE": "/gone.pem"]) { $0 != "/gone.pem" }
        guard case .missing(let message) = bundle else {
            Issue.record("took \(bundle)")
            return
        }
        #expect(message.contains("/gone.pem"))
    }
}
