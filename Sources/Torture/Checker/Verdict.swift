/// What became of one promise.
package struct Verdict: Sendable, Equatable {
    package enum Check: String, Sendable, CaseIterable {
        case kept = "acknowledged writes are there, once"
        case whole = "ambiguous writes are whole or absent"
        case refused = "refused writes are absent"
        case known = "nothing is there that nobody wrote"
        case order = "no value that was read vanished"
        case ids = "no id was given twice"
        case retries = "an idempotent retry made no second row"
        case receipts = "receipts follow the order of writes"
        case answers = "every answer had a reason"
        case processes = "processes ended as they were told"
        case agreement = "a boot and a restore show the same rows"
        case integrity = "integrity_check and foreign_key_check are clean"
        case gapless = "the log has no gap"
        case chain = "every file of the log names the one before it"
        case litestream = "Litestream restores the same bytes"
    }

    package let check: Check
    /// How many things were looked at; 0 is no proof.
    package var count = 0
    package var violations: [String] = []
    /// Why it was not checked.
    package var skipped: String?

    package init(_ check: Check, count: Int = 0, violations: [String] = [], skipped: String? = nil) {
        self.check = check
        self.count = count
        self.violations = violations
        self.skipped = skipped
    }

    package var isViolated: Bool { !violations.isEmpty }
}
