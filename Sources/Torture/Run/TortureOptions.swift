package import Faults
package import ObjectStore

/// What to torture, and how.
package struct TortureOptions: Sendable {
    /// The replica below which the run takes a prefix of its own; nil for a service without one, on a disk that stays.
    package struct Replica: Sendable {
        /// As the service is told.
        package var url: String
        package var settings: StoreSettings
        package var store: any ObjectStore

        package init(url: String, settings: StoreSettings, store: any ObjectStore) {
            (self.url, self.settings, self.store) = (url, settings, store)
        }
    }

    package var replica: Replica?
    /// The program that is started as `serve`.
    package var program: String
    package var migrations: String
    /// For databases and logs; must not exist yet.
    package var folder: String
    package var environment: [String: String]
    package var duration = Duration.seconds(60)
    package var seed: UInt64
    package var instanceCount = 1
    package var clientCount = 8
    package var faults = Schedule.FaultLevel.all
    package var lie: Fault?
    package var freezeLength = Duration.seconds(8)
    /// The real Litestream, to restore with.
    package var litestream: String?
    package var keepsEverything = false

    package init(
        replica: Replica?,
        program: String,
        migrations: String,
        folder: String,
        environment: [String: String],
        seed: UInt64
    ) {
        (self.replica, self.program, self.migrations) = (replica, program, migrations)
        (self.folder, self.environment, self.seed) = (folder, environment, seed)
    }

    /// Tells this run's rows from those of any other.
    var run: String { String(seed, radix: 36) }
}

extension TortureOptions {
    /// The URL of a replica below `url`, whose parameters stay behind it.
    package static func below(_ url: String, _ folder: String) -> String {
        let question = url.firstIndex(of: "?") ?? url.endIndex
        let base = url[..<question]
        return "\(base)\(base.hasSuffix("/") ? "" : "/")\(folder)\(url[question...])"
    }
}
