/// The shared files of the AWS tools: `~/.aws/credentials` and `~/.aws/config`.
///
/// - SeeAlso: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>
struct AWSProfile: Sendable {
    let name: String
    /// Whether someone named the profile, so that its absence is an error.
    private let isNamed: Bool
    private let environment: StoreEnvironment

    init(_ environment: StoreEnvironment) {
        let named = environment.variable("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
        (name, isNamed, self.environment) = (named ?? "default", named != nil, environment)
    }

    /// The profile's region; nil when there is none, or no file that can be read.
    var region: String? { (try? settings())?["region"] }

    /// The profile's access key, or nil when there is no such profile and nobody asked for one.
    func credentials() throws(CredentialError) -> AWSCredentials? {
        let settings = try settings()
        guard !settings.isEmpty else {
            guard isNamed else { return nil }
            throw CredentialError(
                .unusable,
                "AWS_PROFILE is \(name), and there is no such profile in \(places.map(\.file).joined(separator: " or "))"
            )
        }
        if let accessKeyID = settings["aws_access_key_id"], let secret = settings["aws_secret_access_key"] {
            let token = settings["aws_session_token"]
            return AWSCredentials(accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: token)
        }
        for unsupported in ["credential_process", "sso_session", "sso_start_url", "role_arn"]
        where settings[unsupported] != nil {
            throw CredentialError(
                .unusable,
                "the AWS profile \(name) has \(unsupported), which is not supported",
                advice:
                    "export the credentials: eval \"$(aws configure export-credentials --profile \(name) --format env)\""
            )
        }
        return nil
    }

    /// Where the profile is looked for, and under which heading; without a home, only in files that are named.
    private var places: [(file: String, section: String)] {
        let folder = environment.variable("HOME").map { "\($0)/.aws" }
        let credentials = environment.variable("AWS_SHARED_CREDENTIALS_FILE") ?? folder.map { "\($0)/credentials" }
        let config = environment.variable("AWS_CONFIG_FILE") ?? folder.map { "\($0)/config" }
        return [(credentials, name), (config, name == "default" ? name : "profile \(name)")]
            .compactMap { file, section in file.map { ($0, section) } }
    }

    /// Both files' settings of the profile; those of the credentials file win.
    private func settings() throws(CredentialError) -> [String: String] {
        var settings: [String: String] = [:]
        for (file, section) in places {
            guard let text = try environment.text(of: file) else { continue }
            settings.merge(Self.section(section, of: text)) { first, _ in first }
        }
        return settings
    }

    /// The settings of one `[section]`; lines that belong to a nested setting are left out.
    static func section(_ name: String, of text: String) -> [String: String] {
        var settings: [String: String] = [:]
        var isInside = false
        for line in text.split(whereSeparator: \.isNewline) {
            let isNested = line.first?.isWhitespace ?? false
            let line = line.trimmed
            if line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
                let words = line[..<end].dropFirst().split(whereSeparator: \.isWhitespace)
                isInside = words.joined(separator: " ") == name
            } else if isInside, !isNested, let equals = line.firstIndex(of: "=") {
                settings[line[..<equals].trimmed.lowercased()] = String(line[line.index(after: equals)...].trimmed)
            }
        }
        return settings
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace ?? false { text = text.dropFirst() }
        while text.last?.isWhitespace ?? false { text = text.dropLast() }
        return String(text)
    }
}
