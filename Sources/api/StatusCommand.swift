import App
import CLI
import FoundationEssentials
import LitestreamConfiguration
import ObjectStore
import Replication

/// `api status`: parsing is `init`, work is `run`.
struct StatusCommand {
    private struct Row {
        let database: LitestreamConfiguration.Database
        let replica: LitestreamConfiguration.Replica
        let listing: Result<ReplicaListing, RestoreError>
    }

    private let databases: [LitestreamConfiguration.Database]
    private let invocation: Invocation
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) throws {
        (self.invocation, self.console) = (invocation, console)
        let (configuration, path) = try ReplicaSource.configuration(invocation, console)
        let wanted = invocation.all("DB").map(\.text)
        guard !wanted.isEmpty else {
            databases = configuration.databases
            return
        }
        let folder = FileManager.default.currentDirectoryPath
        let home = ProcessInfo.processInfo.environment["HOME"]
        databases = try wanted.map { name in
            guard let database = configuration.database(at: name, folder: folder, home: home) else {
                throw ServiceError("\(path) has no database \(name)")
            }
            return database
        }
    }

    func run() throws -> ExitCode {
        let rows = try Foreground.run { try await look() }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        var table = Table([
            "database", "replica", "status", "local_txid", "txid", "lag_seconds", "lag_bytes", "snapshot", "wal_size",
        ])
        var isFailing = false
        for row in rows {
            let local = LocalReplication(ReplicateCommand.plan(row.database).settings)
            let given = local.replica(named: row.replica.name)
            let walSize = local.walSize.map { Table.Cell.integer($0) } ?? .none
            let lag = given.map { given in given.missingSinceMilliseconds.map { max(0, now - $0) / 1000 } ?? 0 }
            let listing: ReplicaListing?
            switch row.listing {
            case .success(let found): listing = found
            case .failure(let error):
                (listing, isFailing) = (nil, true)
                console.message("error: \(row.replica.name) of \(row.database.path): \(error)")
            }
            let snapshot = listing?.ltx.last { $0.level == ReplicaLayout.snapshotLevel }
            table.add(
                .text(row.database.path),
                .text(row.replica.name),
                .text(word(local, given, listing)),
                given.map { .text("\($0.txid)") } ?? .none,
                (listing?.ltx.map(\.maxTXID).max()).map { .text("\($0)") } ?? .none,
                lag.map { .integer(Int($0)) } ?? .none,
                given.map { .integer($0.missingBytes) } ?? .none,
                snapshot.map { .text(StoreTime(unixMilliseconds: $0.createdAtMilliseconds).iso8601) } ?? .none,
                walSize
            )
        }
        try console.print(table, asJSON: invocation.flag("json"))
        return isFailing ? .failure : .success
    }

    private func look() async throws -> [Row] {
        var rows: [Row] = []
        for database in databases {
            let sources = database.replicas.map { ReplicaSource.Replica(name: $0.name, settings: $0.settings) }
            for (replica, source) in zip(database.replicas, try ReplicaSource.open(sources)) {
                let listing: Result<ReplicaListing, RestoreError>
                do throws(RestoreError) { listing = .success(try await Restorer(source.store).list()) } catch {
                    listing = .failure(error)
                }
                rows.append(Row(database: database, replica: replica, listing: listing))
            }
        }
        return rows
    }

    /// In one word, the worst first.
    private func word(
        _ local: LocalReplication,
        _ given: LocalReplication.Replica?,
        _ listing: ReplicaListing?
    ) -> String {
        guard let listing else { return "failing" }
        guard local.hasDatabase else { return "no database" }
        guard let given else { return "not replicated" }
        let newest = listing.ltx.map(\.maxTXID).max()
        if newest != given.txid { return "diverged" }
        return given.missingSinceMilliseconds == nil ? "ok" : "behind"
    }
}
