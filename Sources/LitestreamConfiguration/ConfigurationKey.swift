/// A key of `litestream.yml`, of either line of Litestream, and what its value may be.
enum ConfigurationKey {
    enum Kind {
        case text, integer, flag, duration, byteCount, section
    }

    /// What may be set for a replica, and in Litestream 0.5 for all of them at the top.
    private static let replicaKeys: [String: Kind] = [
        "type": .text, "path": .text, "url": .text, "sync-interval": .duration, "validation-interval": .duration,
        "bucket": .text, "region": .text, "endpoint": .text, "force-path-style": .flag, "skip-verify": .flag,
        "access-key-id": .text, "secret-access-key": .text, "account-name": .text, "account-key": .text,
        "sas-token": .text, "host": .text, "user": .text, "password": .text, "key-path": .text, "host-key": .text,
        "concurrent-writes": .flag, "auto-recover": .flag, "max-sync-ltx-files": .integer, "sign-payload": .flag,
        "require-content-md5": .flag, "storage-class": .text, "part-size": .byteCount, "concurrency": .integer,
        "sse-algorithm": .text, "sse-customer-algorithm": .text, "sse-customer-key": .text,
        "sse-customer-key-path": .text, "sse-kms-key-id": .text, "webdav-url": .text, "webdav-username": .text,
        "webdav-password": .text, "age": .section,
    ]

    static let replica = replicaKeys.merging([
        "name": .text, "retention": .duration, "retention-check-interval": .duration, "snapshot-interval": .duration,
    ]) { key, _ in key }

    static let database: [String: Kind] = [
        "path": .text, "meta-path": .text, "meta-dir": .text, "monitor-interval": .duration,
        "checkpoint-interval": .duration, "min-checkpoint-page-count": .integer,
        "max-checkpoint-page-count": .integer, "truncate-page-n": .integer, "busy-timeout": .duration,
        "max-sync-wal-bytes": .byteCount, "restore-if-db-not-exists": .flag, "snapshot": .section, "dir": .text,
        "pattern": .text, "recursive": .flag, "watch": .flag, "replica": .section, "replicas": .section,
    ]

    static let top = replicaKeys.merging([
        "dbs": .section, "addr": .text, "mcp-addr": .text, "exec": .text, "logging": .section, "snapshot": .section,
        "levels": .section, "l0-retention": .duration, "l0-retention-check-interval": .duration,
        "retention": .section, "validation": .section, "verify-compaction": .flag, "heartbeat-url": .text,
        "heartbeat-interval": .duration, "shutdown-sync-timeout": .duration, "shutdown-sync-interval": .duration,
        "socket": .section,
    ]) { key, _ in key }

    /// Sections without sections of their own.
    static let sections: [String: [String: Kind]] = [
        "logging": ["level": .text, "type": .text, "stderr": .flag, "source": .flag],
        "snapshot": ["interval": .duration, "retention": .duration],
        "levels": ["interval": .duration],
        "retention": ["enabled": .flag],
        "validation": ["interval": .duration],
        "socket": ["enabled": .flag, "path": .text, "permissions": .text],
        "age": ["identities": .section, "recipients": .section],
    ]

    /// Keys that are understood and change nothing about how this program replicates, with the value that says the same
    /// as their absence.
    static let withoutEffect: [String: String] = [
        "validation-interval": "", "host": "", "user": "", "password": "", "key-path": "", "host-key": "",
        "concurrent-writes": "", "auto-recover": "", "max-sync-ltx-files": "", "sign-payload": "true",
        "require-content-md5": "", "storage-class": "", "concurrency": "", "sse-algorithm": "",
        "sse-customer-algorithm": "", "sse-customer-key": "", "sse-customer-key-path": "", "sse-kms-key-id": "",
        "meta-dir": "", "max-checkpoint-page-count": "", "restore-if-db-not-exists": "false", "mcp-addr": "",
        "verify-compaction": "", "heartbeat-url": "", "heartbeat-interval": "", "shutdown-sync-interval": "",
        "l0-retention-check-interval": "", "retention-check-interval": "", "validation": "", "socket": "", "source": "",
    ]
}
