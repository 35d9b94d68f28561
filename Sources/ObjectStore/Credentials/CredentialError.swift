/// Why there are no credentials to sign with.
struct CredentialError: Error, Equatable, CustomStringConvertible {
    enum Reason: Equatable, Sendable {
        /// None are configured, or those that are cannot be used: waiting changes nothing.
        case unusable
        /// The service that gives them out did not answer as it should.
        case unreachable
        case cancelled
    }

    let reason: Reason
    /// Never holds a secret.
    let message: String
    var advice: String?

    init(_ reason: Reason, _ message: String, advice: String? = nil) {
        (self.reason, self.message, self.advice) = (reason, message, advice)
    }

    var description: String { message + (advice.map { "; \($0)" } ?? "") }
}
