import App
import CLI
import FoundationEssentials
import JSON
import LTX
import ObjectStore
import Replication

/// `api restore`: parsing is `init`, work is `run`.
struct RestoreCommand {
    private let source: ReplicaSource
    private let path: String
    private let target: RestorePlan.Target
    /// The migration whose restore point is the target, if that was named.
    private let migration: String?
    private let generation: GenerationID?
    private let check: IntegrityCheck
    private let parallelism: Int
    /// How often to look for what is new; nil to end with the restore.
    private let followInterval: Duration?
    private let invocation: Invocation
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) throws {
        self.invocation = invocation
        self.console = console
        target = try Self.target(invocation)
        migration = try invocation["point"].map { setting throws(UsageError) in
            guard let migration = RestorePoints.migration(of: setting.text) else {
                throw setting.refused(expected: "a point's name: before:<migration>")
            }
            return migration
        }
        generation = try invocation["generation"].map { (setting: Setting) throws(UsageError) in
            guard let id = GenerationID(setting.text) else {
                throw setting.refused(expected: "the 16 hexadecimal digits of a generation")
            }
            return id
        }
        check = try invocation.choice("integrity-check", IntegrityCheck.self)
        parallelism = try invocation.integer("parallelism", in: 1...64)
        let interval = try invocation.duration("follow-interval", in: .milliseconds(100)...Duration.seconds(3600))
        followInterval = invocation.flag("follow") ? interval : nil
        if followInterval != nil {
            let others =
                ["txid", "point", "timestamp", "generation", "index"].filter { invocation[$0] != nil }
                + ["if-db-not-exists", "dry-run"].filter { invocation.flag($0) }
            guard others.isEmpty else {
                throw invocation.usageError("--follow and --\(others[0]) exclude each other")
            }
        }
        source = try ReplicaSource(try invocation.string("DB|URL"), invocation, console)
        guard let path = invocation["output"]?.text ?? source.databasePath else {
            throw invocation.usageError("-o PATH is required with a URL", hint: "It says where the database goes.")
        }
        self.path = path
    }

    private static func target(_ invocation: Invocation) throws(UsageError) -> RestorePlan.Target {
        let targets = ["txid", "point", "timestamp", "index"].compactMap { invocation[$0] == nil ? nil : "--\($0)" }
        guard targets.count < 2 else {
            throw invocation.usageError("\(targets.joined(separator: " and ")) exclude each other")
        }
        if let setting = invocation["txid"] {
            guard let txid = TXID(setting.text), txid.rawValue > 0 else {
                throw setting.refused(
                    expected: "the 16 lower-case hexadecimal digits of a transaction, as `api ltx` shows"
                )
            }
            return .txid(txid)
        }
        if let setting = invocation["timestamp"] {
            return .time(milliseconds: try setting.time().unixMilliseconds)
        }
        if let setting = invocation["index"] {
            guard let index = UInt32(setting.text, radix: 16), index <= 0x7FFF_FFFF else {
                throw setting.refused(expected: "a hexadecimal number up to 7fffffff, as in the names of the files")
            }
            return .index(index)
        }
        return .latest
    }

    func run() throws -> ExitCode {
        if invocation.flag("if-db-not-exists"), FileManager.default.fileExists(atPath: path) {
            console.message("\(path) exists; nothing to do.")
            return .success
        }
        do {
            return try Foreground.run { try await work() }
        } catch RestoreError.cancelled {
            console.message("Interrupted; nothing was left behind.")
            return ExitCode(rawValue: 130)
        }
    }

    private func work() async throws -> ExitCode {
        let replica = try await chosenReplica()
        let restorer = Restorer(replica.store, parallelism: parallelism)
        let target = try await chosenTarget(replica)
        do throws(RestoreError) {
            if invocation.flag("dry-run") { return try await show(restorer, target) }
            if let followInterval { return try await follow(restorer, replica, every: followInterval) }
            _ = try await restore(restorer, replica, target)
            return .success
        } catch {
            if let migration, case .plan(.notATXID(let txid, let nearest, .some)) = error {
                let time = if let nearest { await restorer.time(of: nearest) } else { StoreTime?.none }
                let point = RestorePointError.merged(migration, txid, nearest: nearest, of: time)
                throw ServiceError("cannot restore from \(replica.store.name): \(point)")
            }
            switch error {
            case .plan(.noReplica) where invocation.flag("if-replica-exists"):
                console.message("There is no replica at \(replica.store.name); nothing to do.")
                return .success
            case .cancelled: throw error
            case .targetExists(let path):
                throw ServiceError("\(path) exists and is not overwritten; move it away, or say --force")
            default: throw ServiceError("cannot restore from \(replica.store.name): \(error)")
            }
        }
    }

    /// Of several replicas the one with the newest object; all of them must answer, as any may have it.
    private func chosenReplica() async throws -> (name: String, store: any ObjectStore) {
        let replicas = try ReplicaSource.open(source.replicas)
        guard replicas.count > 1 else { return replicas[0] }
        var newest = (replica: replicas[0], time: Int64.min)
        for replica in replicas {
            do throws(RestoreError) {
                let time = try await Restorer(replica.store).list().latestMilliseconds ?? .min
                if time > newest.time { newest = (replica, time) }
            } catch {
                if case .cancelled = error { throw error }
                let names = replicas.map(\.name).filter { $0 != replica.name }.joined(separator: " or ")
                throw ServiceError("\(error)\nTo restore without it, name another: --replica \(names).")
            }
        }
        return newest.replica
    }

    private func chosenTarget(_ replica: (name: String, store: any ObjectStore)) async throws -> RestorePlan.Target {
        guard let migration else { return target }
        do throws(RestorePointError) {
            return .txid(try await RestorePoints(replica.store).txid(before: migration))
        } catch {
            throw ServiceError("cannot restore from \(replica.store.name): \(error)")
        }
    }

    // MARK: What it would do

    private func show(_ restorer: Restorer, _ target: RestorePlan.Target) async throws(RestoreError) -> ExitCode {
        let plan = try await restorer.plan(target, generation: generation)
        var table = Table(["key", "size", "created"])
        for object in plan.objects {
            let time = StoreTime(unixMilliseconds: object.timeMilliseconds)
            table.add(.text(object.key), .integer(object.size), .text(time.iso8601))
        }
        // Nothing but a broken output can fail here, and then there is nobody to tell.
        try? console.print(table, asJSON: invocation.flag("json"))
        return .success
    }

    // MARK: What it does

    private func restore(
        _ restorer: Restorer,
        _ replica: (name: String, store: any ObjectStore),
        _ target: RestorePlan.Target
    ) async throws(RestoreError) -> RestorePlan {
        let progress = RestoreProgress()
        let start = ContinuousClock.now
        let display = RestoreDisplay(progress, console, isVerbose: invocation.flag("verbose"))
        if invocation.flag("verbose") { console.message("Restoring \(replica.store.name) to \(path)") }
        let ticking = Task { await display.run() }
        let result: Result<RestorePlan, RestoreError>
        do throws(RestoreError) {
            result = .success(
                try await restorer.restore(
                    to: path,
                    target,
                    generation: generation,
                    check: check,
                    isForced: invocation.flag("force"),
                    progress: progress
                )
            )
        } catch {
            result = .failure(error)
        }
        ticking.cancel()
        await ticking.value
        let plan = try result.get()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        report(plan, replica.store.name, seconds: seconds)
        return plan
    }

    /// Goes on where an earlier one stopped, or restores first.
    private func follow(
        _ restorer: Restorer,
        _ replica: (name: String, store: any ObjectStore),
        every interval: Duration
    ) async throws(RestoreError) -> ExitCode {
        let follower = Follower(replica.store, path: path)
        var start = try await follower.position()
        if start == nil {
            let plan = try await restore(restorer, replica, .latest)
            guard case .ltx(let files) = plan.steps, let last = files.last else { throw .plan(.noTXIDs) }
            try await follower.begin(at: last.maxTXID)
            start = last.maxTXID
        }
        guard let start else { preconditionFailure("a database without a place in its log") }
        console.message("Following \(replica.store.name) from transaction \(start) on.")
        try await follower.follow(from: start, every: interval) { event in
            switch event {
            case .applied(let txid, let count):
                guard invocation.flag("verbose") else { return }
                console.message("Applied transactions through \(txid), from \(count) object\(count == 1 ? "" : "s").")
            case .failed(let error): console.message("warning: \(error); trying again")
            }
        }
        console.message("Interrupted; the database stays as it is.")
        return .success
    }

    private func report(_ plan: RestorePlan, _ replica: String, seconds: Double) {
        let (state, files): (String, [String])
        switch plan.steps {
        case .ltx(let steps):
            state = "transaction \(steps.last.map { "\($0.maxTXID)" } ?? "")"
            files = steps.map(\.object.key)
        case .generation(let snapshot, let segments):
            let index = snapshot.name.index + UInt32(max(0, segments.count - 1))
            state = "generation \(snapshot.name.generation.name), index \(index)"
            files = plan.objects.map(\.key)
        }
        if invocation.flag("verbose") { for file in files { console.message("  \(file)") } }
        guard invocation.flag("json") else {
            let size = ByteCount.text(plan.byteCount)
            let time = "\(Double(Int(seconds * 100)) / 100) s"
            let count = "\(files.count) object\(files.count == 1 ? "" : "s")"
            return console.message("Restored \(path) to \(state): \(count), \(size), in \(time).")
        }
        var json = JSONWriter()
        json.beginObject()
        json.key("path")
        json.string(path)
        json.key("replica")
        json.string(replica)
        switch plan.steps {
        case .ltx(let steps):
            json.key("format")
            json.string("ltx")
            json.key("txid")
            json.string(steps.last.map { "\($0.maxTXID)" } ?? "")
        case .generation(let snapshot, let segments):
            json.key("format")
            json.string("generations")
            json.key("generation")
            json.string(snapshot.name.generation.name)
            json.key("index")
            json.integer(Int64(snapshot.name.index) + Int64(max(0, segments.count - 1)))
        }
        json.key("objects")
        json.integer(Int64(files.count))
        json.key("bytes")
        json.integer(Int64(plan.byteCount))
        json.key("duration_ms")
        json.integer(Int64(seconds * 1000))
        json.endObject()
        json.newline()
        try? console.write(String(decoding: json.bytes, as: UTF8.self))
    }
}
