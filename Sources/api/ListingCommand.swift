import App
import CLI
import FoundationEssentials
import LTX
import LitestreamConfiguration
import ObjectStore
import Replication

/// `api databases`, `ltx`, `snapshots`, `generations` and `wal`: parsing is `init`, work is `run`.
///
/// A replica that cannot be listed fails the command: a table that only looks empty has cost people their data.
struct ListingCommand {
    private let invocation: Invocation
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) {
        self.invocation = invocation
        self.console = console
    }

    func run() throws -> ExitCode {
        let table: Table
        do {
            table = try invocation.command == "databases" ? databases() : replicaTable()
        } catch RestoreError.cancelled {
            return ExitCode(rawValue: 130)
        }
        try console.print(table, asJSON: invocation.flag("json"))
        return .success
    }

    private func databases() throws -> Table {
        var table = Table(["path", "replicas"])
        for database in try ReplicaSource.configuration(invocation, console).0.databases {
            table.add(.text(database.path), .text(database.replicas.map(\.name).joined(separator: ",")))
        }
        return table
    }

    private func replicaTable() throws -> Table {
        let generation = try generation()
        let source = try ReplicaSource(try invocation.string("DB|URL"), invocation, console)
        let listings = try Foreground.run {
            var listings: [(name: String, listing: ReplicaListing)] = []
            for replica in try ReplicaSource.open(source.replicas) {
                listings.append((replica.name, try await list(replica.store)))
            }
            return listings
        }
        switch invocation.command {
        case "ltx": return try ltx(listings)
        case "snapshots": return snapshots(listings)
        case "generations": return generations(listings, source.databasePath)
        default: return wal(listings, generation)
        }
    }

    private func list(_ store: any ObjectStore) async throws -> ReplicaListing {
        do throws(RestoreError) { return try await Restorer(store).list() } catch {
            if case .cancelled = error { throw error }
            throw ServiceError("cannot list \(store.name): \(error)")
        }
    }

    private func generation() throws(UsageError) -> GenerationID? {
        guard invocation.command == "wal", let setting = invocation["generation"] else { return nil }
        guard let generation = GenerationID(setting.text) else {
            throw setting.refused(expected: "the 16 hexadecimal digits of a generation")
        }
        return generation
    }

    // MARK: Tables

    private typealias Listings = [(name: String, listing: ReplicaListing)]

    private func ltx(_ listings: Listings) throws -> Table {
        let level = try invocation.string("level")
        var table = Table(["level", "min_txid", "max_txid", "size", "created"])
        for file in listings.flatMap(\.listing.ltx) where level == "all" || Int(level) == file.level {
            table.add(
                .integer(file.level),
                .text("\(file.minTXID)"),
                .text("\(file.maxTXID)"),
                .integer(file.object.size),
                .text(time(file.object))
            )
        }
        return table
    }

    /// With the columns of Litestream 0.3 where a replica is of that line; LTX has TXIDs instead.
    private func snapshots(_ listings: Listings) -> Table {
        let files = listings.flatMap { name, listing in
            listing.generations.filter { $0.name.kind == .snapshot }.map { (name, $0) }
        }
        let levels = listings.flatMap { name, listing in
            listing.ltx.filter { $0.level == ReplicaLayout.snapshotLevel }.map { (name, $0) }
        }
        guard levels.isEmpty || !files.isEmpty else {
            var table = Table(["replica", "min_txid", "max_txid", "size", "created"])
            for (name, file) in levels {
                let (min, max) = ("\(file.minTXID)", "\(file.maxTXID)")
                table.add(
                    .text(name),
                    .text(min),
                    .text(max),
                    .integer(file.object.size),
                    .text(time(file.object))
                )
            }
            return table
        }
        if !levels.isEmpty {
            console.message("There are \(levels.count) LTX snapshots too: api ltx --level 9 shows them.")
        }
        var table = Table(["replica", "generation", "index", "size", "created"])
        for (name, file) in files {
            table.add(
                .text(name),
                .text(file.name.generation.name),
                .integer(Int(file.name.index)),
                .integer(file.object.size),
                .text(time(file.object))
            )
        }
        return table
    }

    private func generations(_ listings: Listings, _ databasePath: String?) -> Table {
        var table = Table(["name", "generation", "lag", "start", "end"])
        let changed = databasePath.flatMap(lastChange) ?? Int64(Date().timeIntervalSince1970 * 1000)
        for (name, listing) in listings {
            for files in Dictionary(grouping: listing.generations, by: \.name.generation)
                .sorted(by: { $0.key.name < $1.key.name }).map(\.value)
            {
                let times = files.map(\.object.timeMilliseconds)
                let (start, end) = (times.min() ?? 0, times.max() ?? 0)
                table.add(
                    .text(name),
                    .text(files[0].name.generation.name),
                    .text(lag(changed - end)),
                    .text(StoreTime(unixMilliseconds: start).iso8601),
                    .text(StoreTime(unixMilliseconds: end).iso8601)
                )
            }
        }
        return table
    }

    private func wal(_ listings: Listings, _ generation: GenerationID?) -> Table {
        var table = Table(["replica", "generation", "index", "offset", "size", "created"])
        for (name, listing) in listings {
            for file in listing.generations where generation == nil || file.name.generation == generation {
                guard case .segment(let offset) = file.name.kind else { continue }
                table.add(
                    .text(name),
                    .text(file.name.generation.name),
                    .integer(Int(file.name.index)),
                    .integer(Int(clamping: offset)),
                    .integer(file.object.size),
                    .text(time(file.object))
                )
            }
        }
        return table
    }

    private func time(_ object: ReplicaObject) -> String {
        StoreTime(unixMilliseconds: object.timeMilliseconds).iso8601
    }

    /// When the database or its WAL was last written to; nil where there is none.
    private func lastChange(_ path: String) -> Int64? {
        [path, path + "-wal"].compactMap { name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: name)
            let date = attributes?[.modificationDate] as? Date
            return date.map { Int64($0.timeIntervalSince1970 * 1000) }
        }.max()
    }

    /// As Go writes a duration, with what Litestream leaves of it: `1h2m3s`, `5.2s`.
    private func lag(_ milliseconds: Int64) -> String {
        let (sign, amount) = (milliseconds < 0 ? "-" : "", milliseconds.magnitude)
        guard amount >= 10_000 else { return "\(sign)\(amount / 1000).\(amount / 100 % 10)s" }
        let (hours, minutes, seconds) = (amount / 3_600_000, amount / 60_000 % 60, amount / 1000 % 60)
        let units = hours > 0 ? "\(hours)h\(minutes)m" : minutes > 0 ? "\(minutes)m" : ""
        return "\(sign)\(units)\(seconds)s"
    }
}
