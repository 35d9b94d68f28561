internal import FoundationEssentials
internal import HTTPClient
internal import ObjectStore
internal import Replication

/// One run from its first process to its report.
package struct TortureRun: Sendable {
    private let options: TortureOptions
    private let tell: @Sendable (String) -> Void

    private static let firstBootLimit = Duration.seconds(60)

    /// `tell` hears how far the run is.
    package init(_ options: TortureOptions, tell: @escaping @Sendable (String) -> Void) {
        (self.options, self.tell) = (options, tell)
    }

    /// Runs and checks; cancelled, it stops early and checks what was seen until then.
    ///
    /// An error means that there was nothing to judge. Whatever happens, no process stays, and what is in the bucket
    /// goes, unless it is evidence.
    package func run() async throws(TortureError) -> Report {
        do { try FileManager.default.createDirectory(atPath: options.folder, withIntermediateDirectories: true) } catch
        {
            throw TortureError("cannot make \(options.folder): \(error)")
        }
        try await checkIsFree()
        do throws(TortureError) {
            var (report, history) = try await runAndCheck()
            if report.isClean && !options.keepsEverything {
                try await cleanUp()
            } else {
                try write(history)
                report.keptIn = [options.folder] + (options.replica.map { [$0.url] } ?? [])
            }
            return report
        } catch {
            if !options.keepsEverything { try? await cleanUp() }
            throw error
        }
    }

    private func runAndCheck() async throws(TortureError) -> (Report, History) {
        var schedule = Schedule(seed: options.seed)
        schedule.faults = options.faults
        schedule.isReplicated = options.replica != nil
        schedule.canSkewClock = FakeTime.installed != nil && options.faults == .all
        schedule.lie = options.lie
        schedule.freezeLength = options.freezeLength
        let http = HTTPClient(bundle: .find(options.environment), transfersMax: options.clientCount + 16)
        let wire = Wire(http: http, run: options.run)
        let fleet = Fleet(options, schedule, wire)
        let (board, recorder) = (Board(), Recorder())
        let start = ContinuousClock.now

        let keepers = (0..<options.instanceCount).map { slot in Task { await fleet.keep(slot: slot) } }
        func endKeepers() async -> [String] {
            for keeper in keepers { keeper.cancel() }
            var folders: [String] = []
            for keeper in keepers { folders.append(await keeper.value) }
            await fleet.endAll()
            return folders
        }
        guard let usesKeys = await knowsKeys(fleet, wire) else {
            _ = await endKeepers()
            let problem = fleet.tally.problems.first ?? "see the logs in \(options.folder)"
            throw TortureError("no process of the service became ready: \(problem)")
        }
        tell("running for \(options.duration), seed \(options.seed)")
        await work(fleet, wire, board, recorder, usesKeys)
        let folders = await endKeepers()
        let length = ContinuousClock.now - start

        let history = History(recorder.all, lives: fleet.lives)
        var isInterrupted = Task.isCancelled
        var final: (state: FinalState, verdicts: [Verdict], restoreTime: Duration?)?
        var failure: Verdict?
        if !isInterrupted {
            tell("checking \(history.operations.count) operations")
            do throws(TortureError) { final = try await end(fleet, wire, board, folders[0]) } catch {
                // What was acknowledged and cannot be read back is lost.
                await fleet.endAll()
                isInterrupted = Task.isCancelled
                if !isInterrupted { failure = Verdict(.agreement, count: 1, violations: ["\(error)"]) }
            }
        }
        var verdicts = Checker.check(History(history.operations, lives: fleet.lives), final?.state)
        verdicts.append(Verdict(.processes, count: fleet.tally.livesCount, violations: fleet.tally.problems))
        let known = final?.verdicts ?? [failure].compactMap(\.self)
        let others: [Verdict.Check] = [.agreement, .integrity, .gapless, .chain, .litestream]
        let reason = isInterrupted ? "interrupted" : failure == nil ? "no replica" : "nothing to check"
        verdicts += others.map { check in known.first { $0.check == check } ?? Verdict(check, skipped: reason) }
        if !usesKeys { verdicts = verdicts.map { Self.skipping($0, .retries, "the service has no Idempotency-Key") } }
        var report = Report(history, fleet.tally, verdicts, seed: options.seed, duration: length)
        report.wasInterrupted = isInterrupted
        report.restoreTime = final?.restoreTime
        if options.faults == .all, FakeTime.installed == nil {
            report.omissions.append("wrong clocks: libfaketime is not installed")
        }
        return (report, history)
    }

    /// Puts everything that clients did beside the logs, a line each, for whoever looks for the cause.
    private func write(_ history: History) throws(TortureError) {
        let lives = history.lives.map { "process \($0.number) started \($0.started)" }
        let lines = lives + history.operations.map(\.line)
        do {
            let data = Data(lines.joined(separator: "\n").utf8)
            try data.write(to: URL(filePath: "\(options.folder)/history"))
        } catch { throw TortureError("cannot write the history to \(options.folder): \(error)") }
    }

    private static func skipping(_ verdict: Verdict, _ check: Verdict.Check, _ reason: String) -> Verdict {
        var verdict = verdict
        if verdict.check == check { verdict.skipped = reason }
        return verdict
    }

    /// Whether the service remembers the keys of requests; nil if none became ready to say so.
    private func knowsKeys(_ fleet: Fleet, _ wire: Wire) async -> Bool? {
        let deadline = ContinuousClock.now + Self.firstBootLimit
        while ContinuousClock.now < deadline, !Task.isCancelled {
            if let endpoint = fleet.endpoints.first, let answer = try? await wire.plain("/openapi.json", at: endpoint),
                answer.status == 200
            {
                return String(decoding: answer.body, as: UTF8.self).contains("Idempotency-Key")
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return nil
    }

    private func work(_ fleet: Fleet, _ wire: Wire, _ board: Board, _ recorder: Recorder, _ usesKeys: Bool) async {
        let end = ContinuousClock.now + options.duration
        await withTaskGroup { group in
            for number in 0..<options.clientCount {
                let client = Client(
                    wire: wire,
                    board: board,
                    recorder: recorder,
                    fleet: fleet,
                    seed: options.seed &+ UInt64(number) &* 0x9E37_79B9,
                    usesKeys: usesKeys
                )
                group.addTask { await client.run() }
            }
            while ContinuousClock.now < end, !Task.isCancelled, !recorder.isFull {
                try? await Task.sleep(for: .milliseconds(50))
            }
            group.cancelAll()
        }
    }

    // MARK: The end

    private func end(
        _ fleet: Fleet,
        _ wire: Wire,
        _ board: Board,
        _ folder: String
    ) async throws(TortureError) -> (FinalState, [Verdict], Duration?) {
        let isLocal = options.replica == nil
        let place = isLocal ? folder : "\(options.folder)/last"
        guard let (last, endpoint) = await fleet.bootPlainly(in: place, keepsDisk: isLocal) else {
            throw TortureError("the last process did not start: \(fleet.tally.problems.last ?? "")")
        }
        let shown = try await wire.everything(board.pastes, at: endpoint)
        await fleet.stop(last, endpoint)
        let check = FinalCheck(options: options, run: options.run, txid: board.txid)
        guard let replica = options.replica else {
            let (state, integrity) = try check.rows(of: "\(place)/torture.db")
            return (state, [FinalCheck.agreement(shown, state), integrity], nil)
        }
        let path = "\(options.folder)/restored.db"
        let time = try await check.restore(replica.store, to: path)
        let (state, integrity) = try check.rows(of: path)
        var verdicts = [FinalCheck.agreement(shown, state), integrity]
        verdicts += [try await check.gapless(replica.store), try await check.chain(replica.store)]
        if let litestream = options.litestream {
            verdicts.append(try await check.litestream(litestream, replica, ours: path))
        } else {
            verdicts.append(Verdict(.litestream, skipped: "no litestream program; name one with --litestream"))
        }
        return (state, verdicts, time)
    }

    // MARK: The prefix

    /// Nothing that is there may be deleted in the end.
    private func checkIsFree() async throws(TortureError) {
        guard let replica = options.replica else { return }
        let page: ObjectPage
        do throws(ObjectStoreError) { page = try await replica.store.list(ListRequest(prefix: "", limit: 1)) } catch {
            throw TortureError("cannot list \(replica.url): \(error)")
        }
        guard page.objects.isEmpty else { throw TortureError("\(replica.url) is not empty") }
    }

    /// Also when the run was cancelled: by a task that was not.
    private func cleanUp() async throws(TortureError) {
        let options = options
        let failure: String? = await Task.detached {
            do {
                if let replica = options.replica {
                    for object in try await replica.store.listAll("") { _ = try await replica.store.delete(object.key) }
                    // Empty folders are nothing in a bucket, but something on a disk.
                    if replica.settings.kind == .file {
                        try FileManager.default.removeItem(atPath: replica.settings.path)
                    }
                }
                try FileManager.default.removeItem(atPath: options.folder)
                return nil
            } catch { return "\(error)" }
        }.value
        if let failure { throw TortureError("the run is over, but cleaning up failed: \(failure)") }
    }
}
