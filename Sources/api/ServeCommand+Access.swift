import APIRoutes
import App
import CLI
import FoundationEssentials

extension ServeCommand {
    static func access(_ invocation: Invocation) throws(UsageError) -> AccessPolicy {
        var policy = AccessPolicy()
        policy.tokens = try tokens(invocation)
        if let setting = invocation["cors-origins"] {
            policy.origins = words(setting)
            guard policy.origins.allSatisfy(isOrigin) else {
                throw setting.refused(expected: "origins such as https://example.com, separated by commas")
            }
        }
        policy.writesPerMinute = try invocation["rate-limit"]?.integer(in: 1...1_000_000)
        if let setting = invocation["trusted-proxies"] {
            for word in words(setting) {
                guard let block = AddressBlock(word) else {
                    throw setting.refused(expected: "addresses or blocks such as 10.0.0.0/8, separated by commas")
                }
                policy.trustedProxies.append(block)
            }
        }
        return policy
    }

    /// - Returns: Nil if no token is asked for.
    private static func tokens(_ invocation: Invocation) throws(UsageError) -> AccessTokens? {
        var tokens = AccessTokens()
        if let setting = invocation["token"] {
            do {
                for word in words(setting) { try tokens.add(word, isReadOnly: false) }
            } catch {
                throw invocation.usageError("--token (API_TOKEN): \(reason(error))")
            }
        }
        if let setting = invocation["token-file"] {
            do {
                try tokens.add(fileContents: try String(contentsOfFile: setting.text, encoding: .utf8))
            } catch {
                throw invocation.usageError("\(setting.text): \(reason(error))")
            }
        }
        guard invocation["token"] != nil || invocation["token-file"] != nil else { return nil }
        // Asked for and not there must not mean that everybody may come in.
        guard !tokens.isEmpty else { throw invocation.usageError("there is no token in --token or --token-file") }
        return tokens
    }

    private static func reason(_ error: any Error) -> String {
        (error as? AccessTokens.Unusable)?.description ?? fileFailureReason(error)
    }

    private static func words(_ setting: Setting) -> [String] {
        setting.text.split { $0 == "," || $0 == " " }.map(String.init)
    }

    /// As browsers write it: a scheme and a host, and nothing after them.
    private static func isOrigin(_ text: String) -> Bool {
        for scheme in ["http://", "https://"] where text.hasPrefix(scheme) {
            let host = text.dropFirst(scheme.count)
            return !host.isEmpty && !host.contains { "/?#*@".contains($0) } && host.lowercased() == host
        }
        return false
    }
}
