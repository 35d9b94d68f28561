/// A failure that the caller of the service may hear about; anything else is internal and only logged.
package struct AppError: Error, Sendable, Equatable {
    package enum Code: Sendable, CaseIterable {
        /// The request cannot be understood.
        case malformed
        /// It is understood, and breaks a rule.
        case invalid
        case notFound
        /// The key of an earlier request came with another one.
        case keyReused
        /// The state that was asked for is not here yet; nothing was read.
        case notReplicated
        /// It was not done; the same request may succeed shortly.
        case unavailable
        /// It may have been done, or still be: look before trying again.
        case outcomeUnknown
    }

    /// What is wrong with one member of a body.
    package struct Violation: Sendable, Equatable {
        /// A JSON Pointer (RFC 6901).
        package let pointer: String
        package let detail: String

        package init(pointer: String, detail: String) {
            self.pointer = pointer
            self.detail = detail
        }
    }

    package let code: Code
    package let detail: String
    package let violations: [Violation]
    /// For the log alone: what lies behind it, in words that a client has no business with.
    package let cause: String?

    private init(_ code: Code, _ detail: String, _ violations: [Violation] = [], cause: String? = nil) {
        self.code = code
        self.detail = detail
        self.violations = violations
        self.cause = cause
    }

    package static func malformed(_ detail: String) -> Self { Self(.malformed, detail) }
    package static func notFound(_ detail: String) -> Self { Self(.notFound, detail) }
    package static func unavailable(_ detail: String, cause: String? = nil) -> Self {
        Self(.unavailable, detail, cause: cause)
    }
    package static func keyReused(_ detail: String) -> Self { Self(.keyReused, detail) }
    package static func notReplicated(_ detail: String, cause: String? = nil) -> Self {
        Self(.notReplicated, detail, cause: cause)
    }
    package static func outcomeUnknown(_ detail: String) -> Self { Self(.outcomeUnknown, detail) }

    package static func invalid(_ violations: [Violation]) -> Self {
        Self(.invalid, "The body breaks \(violations.count == 1 ? "a rule" : "\(violations.count) rules").", violations)
    }
}
