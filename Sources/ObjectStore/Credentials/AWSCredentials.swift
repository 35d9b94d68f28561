/// An access key, and for how long it is good.
package struct AWSCredentials: ExpiringCredential, Equatable, CustomStringConvertible, CustomReflectable {
    package let accessKeyID: String
    package let secretAccessKey: String
    package let sessionToken: String?
    package let expiresAt: StoreTime?

    package init(
        accessKeyID: String,
        secretAccessKey: String,
        sessionToken: String? = nil,
        expiresAt: StoreTime? = nil
    ) {
        (self.accessKeyID, self.secretAccessKey) = (accessKeyID, secretAccessKey)
        (self.sessionToken, self.expiresAt) = (sessionToken, expiresAt)
    }

    /// The key's name only: this ends up in logs.
    package var description: String { "access key \(accessKeyID)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
