internal import FoundationEssentials
internal import LTX
internal import ObjectStore
internal import Processes
internal import Replication
internal import SQLite

/// What is there when all processes have ended: in the bucket, and in databases restored from it.
struct FinalCheck {
    let options: TortureOptions
    let run: String
    /// The newest transaction that a client was told of.
    let txid: UInt64?

    /// The rows of a database file that nobody has open, and what SQLite thinks of it.
    func rows(of path: String) throws(TortureError) -> (FinalState, Verdict) {
        var rows: [RowID: Seen] = [:]
        var integrity = Verdict(.integrity)
        do throws(SQLiteError) {
            let connection = try Connection(path, .immutable)
            try connection.query("SELECT id, title, status FROM tasks") { row in
                rows[RowID(.task, String(row.integer(0)))] = .task(title: row.text(1), status: row.text(2), run: run)
            }
            try connection.query("SELECT id, first_name, last_name FROM users") { row in
                rows[RowID(.user, String(row.integer(0)))] = .user(
                    firstName: row.text(1),
                    lastName: row.textOrNull(2),
                    run: run
                )
            }
            try connection.query("SELECT id, contents FROM pastes") { row in
                rows[RowID(.paste, row.text(0))] = .paste(row.text(1), run: run)
            }
            integrity.count = 2
            try connection.query("PRAGMA integrity_check") { row in
                if row.text(0) != "ok" { integrity.violations.append(row.text(0)) }
            }
            try connection.query("PRAGMA foreign_key_check") { row in
                integrity.violations.append("a broken reference in \(row.text(0))")
            }
        } catch { throw TortureError("the restored database cannot be read: \(error)") }
        return (FinalState(rows), integrity)
    }

    /// What the last process shows against what is in its bucket.
    static func agreement(_ shown: [RowID: Seen], _ restored: FinalState) -> Verdict {
        var verdict = Verdict(.agreement, count: restored.rows.count)
        for row in Set(shown.keys).union(restored.rows.keys).sorted(by: { $0.description < $1.description }) {
            // A paste that no client was told of cannot be asked for.
            guard row.kind != .paste || shown[row] != nil else { continue }
            guard shown[row] != restored.rows[row] else { continue }
            verdict.violations.append(
                "\(row): a boot shows \(shown[row] ?? .absent), a restore \(restored.rows[row] ?? .absent)"
            )
        }
        verdict.violations = Array(verdict.violations.prefix(Checker.violationsMax))
        return verdict
    }

    // MARK: The bucket

    func restore(_ store: any ObjectStore, to path: String) async throws(TortureError) -> Duration {
        let start = ContinuousClock.now
        do throws(RestoreError) { _ = try await Restorer(store).restore(to: path) } catch {
            throw TortureError("the replica cannot be restored: \(error)")
        }
        return ContinuousClock.now - start
    }

    /// The log from the first transaction to the newest, in files of whatever level.
    func gapless(_ store: any ObjectStore) async throws(TortureError) -> Verdict {
        do throws(ObjectStoreError) {
            let files = try await ReplicaListing(of: store).ltx
            return LogCoverage(
                files.map { LogCoverage.File(level: $0.level, min: $0.minTXID.rawValue, max: $0.maxTXID.rawValue) }
            ).verdict(newestKnown: txid)
        } catch { throw TortureError("the replica cannot be listed: \(error)") }
    }

    private static let readersMax = 8

    /// What the files of level 0 say of each other; those of this run are small.
    func chain(_ store: any ObjectStore) async throws(TortureError) -> Verdict {
        do {
            let files = try await ReplicaListing(of: store).ltx.filter { $0.level == 0 }
            var waiting = files[...]
            let links = try await withThrowingTaskGroup(of: LogCoverage.Link.self) { group in
                func addNext() {
                    guard let file = waiting.popFirst() else { return }
                    group.addTask { try await Self.link(file, store) }
                }
                for _ in 0..<Self.readersMax { addNext() }
                var links: [LogCoverage.Link] = []
                while let link = try await group.next() {
                    links.append(link)
                    addNext()
                }
                return links
            }
            return LogCoverage.chain(links)
        } catch let error as LogError {
            return Verdict(.chain, count: 1, violations: ["\(error)"])
        } catch { throw TortureError("the replica's files cannot be read: \(error)") }
    }

    private static func link(_ file: LTXFile, _ store: any ObjectStore) async throws -> LogCoverage.Link {
        let bytes = try await store.get(file.object.key).bytes
        let log = try LogFile(bytes, of: file.minTXID, key: file.object.key)
        return LogCoverage.Link(
            txid: file.minTXID.rawValue,
            checksum: log.position.fileChecksum.rawValue,
            predecessor: log.header.linkedChecksum?.rawValue
        )
    }

    // MARK: Litestream

    /// Whether the real Litestream makes the same file of the bucket as we do.
    func litestream(
        _ program: String,
        _ replica: TortureOptions.Replica,
        ours path: String
    ) async throws(TortureError) -> Verdict {
        let output = "\(options.folder)/litestream.db"
        let log = "\(options.folder)/litestream"
        var environment = options.environment
        // Its HTTP client cannot take a bundle, and it does not start with one.
        environment["AWS_CA_BUNDLE"] = nil
        let exit: ChildProcess.Exit?
        do throws(ProcessError) {
            let process = try await Nursery().start(
                program,
                ["restore", "-o", output, replica.url],
                environment: environment,
                output: "\(log).out",
                errors: "\(log).err"
            )
            exit = await process.wait(for: .seconds(120))
            if exit == nil { await process.end() }
        } catch { throw TortureError("\(error)") }
        guard exit == .code(0) else {
            let words = (try? String(contentsOfFile: "\(log).err", encoding: .utf8)) ?? ""
            let end = exit.map { "\($0)" } ?? "no end within 120 s"
            return Verdict(.litestream, count: 1, violations: ["litestream restore: \(end): \(words.suffix(600))"])
        }
        let isSame = FileManager.default.contentsEqual(atPath: output, andPath: path)
        return Verdict(
            .litestream,
            count: 1,
            violations: isSame ? [] : ["its database differs from ours, see \(output)"]
        )
    }
}
