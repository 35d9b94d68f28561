import HTTP

extension Response {
    /// What keeps a browser from making more of an answer than it is: guess its type, frame it, run what is in it.
    mutating func addSecurityFields(hasOwnPolicy: Bool) {
        add(lines: "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n")
        if !hasOwnPolicy {
            add(lines: "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n")
        }
    }
}
