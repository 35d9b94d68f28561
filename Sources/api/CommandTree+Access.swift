import CLI

extension CommandTree {
    /// Who may do what, from where, and on which port.
    static let accessOptions = [
        Option(
            "token",
            .value("TOKENS"),
            environment: ["API_TOKEN"],
            isSecret: true,
            help: "Answer only who brings one of these tokens, separated by commas; health excepted."
        ),
        Option(
            "token-file",
            .value("FILE"),
            environment: ["API_TOKEN_FILE"],
            completion: .file,
            help: "The same from a file, one a line; `read-only TOKEN` may not write."
        ),
        Option(
            "cors-origins",
            .value("ORIGINS"),
            environment: ["CORS_ORIGINS"],
            help: "Let pages of these origins, separated by commas, use the service; none by default."
        ),
        Option(
            "rate-limit",
            .value("COUNT"),
            environment: ["RATE_LIMIT"],
            help: "Writes a minute from one address (IPv6: /64); more are answered 429. No limit by default."
        ),
        Option(
            "trusted-proxies",
            .value("BLOCKS"),
            environment: ["TRUSTED_PROXIES"],
            help: "Believe X-Forwarded-For from these addresses, such as 10.0.0.0/8,::1; nobody by default."
        ),
        Option(
            "admin-port",
            .value("PORT"),
            environment: ["ADMIN_PORT"],
            help: "Serve /metrics and /status on this port alone."
        ),
        Option(
            "admin-host",
            .value("ADDRESS", default: "127.0.0.1"),
            environment: ["ADMIN_HOST"],
            help: "Where to listen for --admin-port."
        ),
    ]
}
