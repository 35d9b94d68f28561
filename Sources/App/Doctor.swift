import Files
import Glibc
package import HTTPClient
package import ObjectStore

/// Looks at what the service will depend on, before it does.
package struct Doctor: Sendable {
    package struct Finding: Sendable, Equatable {
        package enum State: String, Sendable { case ok, warning, failure }

        package let subject: String
        package let state: State
        /// What was seen.
        package let detail: String
        /// What to do about it, if anything.
        package let advice: String?
    }

    private let databasePath: String
    private let shutdownTimeout: Duration
    private let variables: [String: String]

    /// Below this, a restore or a few days of writes may not fit.
    private static let freeBytesMin = 64 << 20
    /// S3 refuses requests that are 15 minutes off; by then tokens have long expired.
    private static let skewWarning = Duration.seconds(60)
    private static let skewFailure = Duration.seconds(600)

    package init(databasePath: String, shutdownTimeout: Duration, variables: [String: String]) {
        (self.databasePath, self.shutdownTimeout, self.variables) = (databasePath, shutdownTimeout, variables)
    }

    // MARK: This machine

    /// What can be seen without asking a store.
    package func examineMachine(bundle: CABundle, usesTLS: Bool) -> [Finding] {
        [examineFolder(), examineSpace(), examineCertificates(bundle, usesTLS), examineShutdown()].compactMap(\.self)
    }

    private var folder: String { Files.parent(of: databasePath) }

    private func examineFolder() -> Finding {
        let subject = "data folder"
        let probe = "\(folder)/.holdfast-probe-\(getpid())"
        do throws(FileError) {
            try Files.createFolder(folder)
            let file = try File(creating: probe)
            try file.write([0].span)
            try file.sync()
            try Files.remove(probe)
            return Finding(subject: subject, state: .ok, detail: "\(folder) can be written", advice: nil)
        } catch {
            let advice =
                error.isDenied
                ? "give the folder to the user that runs the service (uid \(getuid())), or mount it writable"
                : "choose another place with --db"
            return Finding(subject: subject, state: .failure, detail: "\(error)", advice: advice)
        }
    }

    private func examineSpace() -> Finding? {
        var status = statvfs()
        // The folder's own finding says why it cannot be seen.
        guard unsafe statvfs(folder, &status) == 0 else { return nil }
        let free = Int(status.f_bavail) * Int(status.f_frsize)
        let isEnough = free >= Self.freeBytesMin
        return Finding(
            subject: "free space",
            state: isEnough ? .ok : .warning,
            detail: "\(free >> 20) MiB free at \(folder)",
            advice: isEnough ? nil : "a restore needs room for the whole database, and writes for the WAL"
        )
    }

    private func examineCertificates(_ bundle: CABundle, _ usesTLS: Bool) -> Finding {
        let subject = "CA bundle"
        switch bundle {
        case .file(let path), .folder(let path):
            return Finding(subject: subject, state: .ok, detail: path, advice: nil)
        case .missing(let what):
            return Finding(subject: subject, state: usesTLS ? .failure : .warning, detail: what, advice: nil)
        }
    }

    /// How long platforms wait between SIGTERM and SIGKILL, by a variable that each sets.
    private static let platforms: [(variable: String, name: String, seconds: Int, setting: String)] = [
        ("K_SERVICE", "Cloud Run", 10, "it cannot be changed"),
        ("FLY_APP_NAME", "Fly", 5, "kill_timeout in fly.toml"),
        ("ECS_CONTAINER_METADATA_URI_V4", "ECS", 30, "stopTimeout of the task definition"),
        ("RENDER", "Render", 30, "maxShutdownDelaySeconds"),
        ("DYNO", "Heroku", 30, "it cannot be changed"),
    ]

    private func examineShutdown() -> Finding {
        let subject = "shutdown"
        guard let platform = Self.platforms.first(where: { variables[$0.variable]?.isEmpty == false }) else {
            let detail = "up to \(Self.text(shutdownTimeout)); no platform is known here"
            return Finding(subject: subject, state: .ok, detail: detail, advice: nil)
        }
        let isInTime = shutdownTimeout <= .seconds(platform.seconds)
        return Finding(
            subject: subject,
            state: isInTime ? .ok : .warning,
            detail:
                "up to \(Self.text(shutdownTimeout)); \(platform.name) kills after \(platform.seconds) s by default",
            advice: isInTime ? nil : "lower --shutdown-timeout, or raise the platform's limit (\(platform.setting))"
        )
    }

    // MARK: A store

    /// Asks a store for everything that a log in it needs; writes, reads and removes objects of its own.
    package func examine(_ name: String, _ store: any ObjectStore, clock: StoreClock = .system) async -> [Finding] {
        let probe = StoreProbe(store)
        var findings: [Finding] = []
        do throws(ObjectStoreError) {
            let (time, took) = try await probe.measure(clock: clock)
            findings.append(
                Finding(
                    subject: "\(name): access",
                    state: .ok,
                    detail: "\(store.name), a PUT took \(Self.text(took))",
                    advice: nil
                )
            )
            findings.append(Self.skew(name, time, clock.now()))
            findings.append(Self.conditions(name, try await probe.run()))
        } catch {
            let finding = Finding(
                subject: "\(name): access",
                state: .failure,
                detail: "\(error.operation.rawValue): \(error.detail)",
                advice: error.advice ?? Self.advice(error.kind)
            )
            findings.append(finding)
        }
        return findings
    }

    static func skew(_ name: String, _ storeTime: StoreTime?, _ now: StoreTime) -> Finding {
        let subject = "\(name): clock"
        guard let storeTime else {
            return Finding(subject: subject, state: .warning, detail: "the store does not say its time", advice: nil)
        }
        let skew = now.since(storeTime)
        let distance = skew < .zero ? .zero - skew : skew
        let state: Finding.State = distance >= skewFailure ? .failure : distance >= skewWarning ? .warning : .ok
        return Finding(
            subject: subject,
            state: state,
            detail: "this clock is \(text(distance)) \(skew < .zero ? "behind" : "ahead of") the store's",
            advice: state == .ok ? nil : "set this machine's clock: signed requests will be refused"
        )
    }

    static func conditions(_ name: String, _ verdict: StoreProbe.Verdict) -> Finding {
        let subject = "\(name): conditional writes"
        switch verdict {
        case .createsOnce: return Finding(subject: subject, state: .ok, detail: "are honoured", advice: nil)
        case .overwrites(let how):
            return Finding(
                subject: subject,
                state: .failure,
                detail: "are ignored: \(how)",
                advice: "two instances would overwrite each other here; use another store, or, if nothing else ever"
                    + " writes to it, say --single-writer=assumed"
            )
        }
    }

    private static func text(_ duration: Duration) -> String {
        let milliseconds = Int(duration / .milliseconds(1))
        return milliseconds < 10_000 ? "\(milliseconds) ms" : "\(milliseconds / 1000) s"
    }

    private static func advice(_ kind: ObjectStoreError.Kind) -> String? {
        switch kind {
        case .credentials: "give the service credentials: see deploy/ for each platform's way"
        case .accessDenied: "allow this identity to get, put, list and delete below the replica's prefix"
        case .bucketMissing: "create the bucket, or correct its name in the replica's URL"
        case .unreachable, .unavailable, .throttled: "check the endpoint, and that this machine may reach it"
        default: nil
        }
    }
}
