package import HTTP

/// A range of addresses, as `10.0.0.0/8`; a single one without the slash.
package struct AddressBlock: Sendable, Equatable {
    private let base: PeerAddress.Host
    private let prefix: Int

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let host = PeerAddress.Host(parts[0]) else { return nil }
        let bits = parts[0].contains(":") ? 128 : 32
        var length = bits
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let number = Int(parts[1]), number <= bits
            else { return nil }
            length = number
        }
        prefix = 128 - bits + length
        base = host.masked(prefix)
    }

    package func contains(_ host: PeerAddress.Host) -> Bool { host.masked(prefix) == base }
}

/// The client's address behind proxies.
enum ForwardedAddress {
    /// The nearest address that is not a trusted proxy's.
    ///
    /// `X-Forwarded-For` is written from left to right by whoever passed the request on; what is left of the first
    /// stranger from the right is his word, and anybody can make it up. An entry that is no address ends the search:
    /// then the proxy that wrote it stands for the client.
    static func client(of request: Request, from peer: PeerAddress, _ trusted: [AddressBlock]) -> PeerAddress {
        let isTrusted = { (host: PeerAddress.Host) in trusted.contains { $0.contains(host) } }
        guard isTrusted(peer.host) else { return peer }
        var entries: [Substring] = []
        request.headers.forEach { name, value in
            if name.lowercased() == "x-forwarded-for" { entries += value.split(separator: ",") }
        }
        var nearest = peer.host
        for entry in entries.reversed() {
            guard let host = host(entry) else { break }
            nearest = host
            guard isTrusted(host) else { break }
        }
        return PeerAddress(host: nearest, port: 0)
    }

    /// Some proxies write the port too: `192.0.2.1:1234`, `[2001:db8::1]:1234`.
    private static func host(_ entry: Substring) -> PeerAddress.Host? {
        var text = entry.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        if text.hasPrefix("[") { return text.firstIndex(of: "]").flatMap { PeerAddress.Host(text.dropFirst()[..<$0]) } }
        if text.count(where: { $0 == ":" }) == 1, let colon = text.firstIndex(of: ":") { text = text[..<colon] }
        return PeerAddress.Host(text)
    }
}
