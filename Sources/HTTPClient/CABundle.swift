internal import Glibc

/// The certificates that TLS servers are verified with.
///
/// libcurl has one path compiled in, which is right on the machine it was built on only; a minimal
/// container image often has no bundle at all, and the error libcurl gives then does not say so.
package enum CABundle: Equatable, Sendable {
    case file(String)
    case folder(String)
    /// Nothing usable: the message says what was tried and what to do.
    case missing(String)

    static let usualFiles = [
        "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Alpine, distroless
        "/etc/pki/tls/certs/ca-bundle.crt",  // Fedora, RHEL, Amazon Linux
        "/etc/ssl/ca-bundle.pem",  // SUSE
        "/etc/ssl/cert.pem",  // Alpine, BSD
    ]

    /// Honours `SSL_CERT_FILE` and `SSL_CERT_DIR` as OpenSSL does; one that is set and unreadable is an error.
    package static func find(
        _ environment: [String: String],
        isReadable: (String) -> Bool = { access($0, R_OK) == 0 }
    ) -> CABundle {
        for (variable, bundle) in [("SSL_CERT_FILE", CABundle.file), ("SSL_CERT_DIR", CABundle.folder)] {
            guard let path = environment[variable], !path.isEmpty else { continue }
            guard isReadable(path) else {
                return .missing("\(variable) is \(path), which cannot be read; correct it or unset it")
            }
            return bundle(path)
        }
        if let path = usualFiles.first(where: isReadable) { return .file(path) }
        return .missing(
            "no CA bundle found to verify the server with (tried \(usualFiles.joined(separator: ", ")));"
                + " install the ca-certificates package or set SSL_CERT_FILE to a PEM file"
        )
    }
}
