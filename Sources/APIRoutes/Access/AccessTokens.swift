import Crypto
import FoundationEssentials
import HTTP

/// The tokens that open the service, kept as digests: what is compared has one length and tells nothing.
package struct AccessTokens: Sendable {
    /// Shorter ones could be guessed.
    package static let lengthMin = 16

    /// A token that cannot be used, by its place in the list.
    package struct Unusable: Error {
        package let description: String
    }

    enum Verdict {
        case granted, grantedReading
        /// No token came.
        case missing
        case wrong
    }

    private struct Token {
        let digest: [UInt8]
        let isReadOnly: Bool
    }

    private var tokens: [Token] = []

    package init() {}

    package var isEmpty: Bool { tokens.isEmpty }

    package mutating func add(_ token: some StringProtocol, isReadOnly: Bool) throws {
        guard token.utf8.count >= Self.lengthMin, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Unusable(
                description: "a token must have at least \(Self.lengthMin) characters of ASCII, and no space"
            )
        }
        tokens.append(Token(digest: try DigestAlgorithm.sha256.digest(Array(token.utf8)), isReadOnly: isReadOnly))
    }

    /// Adds the tokens of a file: one a line, after the word `read-only` if it must not write; `#` starts a comment.
    package mutating func add(fileContents: String) throws {
        let lines = fileContents.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let isReadOnly = words.count == 2 && first == "read-only"
            guard words.count == 1 || isReadOnly else {
                throw Unusable(description: "line \(index + 1) is neither TOKEN nor read-only TOKEN")
            }
            do {
                try add(words[words.count - 1], isReadOnly: isReadOnly)
            } catch let unusable as Unusable {
                throw Unusable(description: "line \(index + 1): \(unusable.description)")
            }
        }
    }

    func check(_ request: Request) -> Verdict {
        guard let credentials = request.headers.first("authorization") else { return .missing }
        let parts = credentials.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return .wrong }
        switch parts[0].lowercased() {
        case "bearer": return check(Array(parts[1].utf8))
        // For browsers, which ask a person for a password. They also send it along when a page of somebody else sends
        // a request, so it is good for reading alone.
        case "basic":
            guard let pair = Data(base64Encoded: String(parts[1])), let colon = pair.firstIndex(of: UInt8(ascii: ":"))
            else { return .wrong }
            let verdict = check(Array(pair[(colon + 1)...]))
            return if case .granted = verdict { .grantedReading } else { verdict }
        default: return .wrong
        }
    }

    /// Looks at every byte of every digest, so that the time it takes says nothing about which are right.
    private func check(_ presented: [UInt8]) -> Verdict {
        guard let digest = try? DigestAlgorithm.sha256.digest(presented) else { return .wrong }
        var verdict = Verdict.wrong
        for token in tokens {
            var difference: UInt8 = 0
            for index in digest.indices { difference |= digest[index] ^ token.digest[index] }
            if difference == 0 { verdict = token.isReadOnly ? .grantedReading : .granted }
        }
        return verdict
    }
}
