internal import Faults
internal import FoundationEssentials
internal import HTTPClient
internal import Processes
internal import Synchronization
internal import Threads

/// The processes of a run: it starts them, does to them what the schedule says, and starts the next ones.
final class Fleet: Sendable {
    private struct State {
        var endpoints: [Endpoint] = []
        var lives: [Life] = []
        var running: [Int: ChildProcess] = [:]
        var tally = Tally()
        /// By life, as they were last read.
        var counters: [Int: ServiceCounters] = [:]
    }

    /// To be ready; a process that takes longer is a finding.
    private static let bootLimit = Duration.seconds(60)
    /// To end after SIGTERM: the service's own limit, and a little for a busy machine.
    private static let stopLimit = Duration.seconds(10)
    private static let tick = Duration.milliseconds(10)
    private static let counterInterval = Duration.milliseconds(250)

    private let options: TortureOptions
    private let schedule: Schedule
    private let wire: Wire
    private let nursery = Nursery()
    private let state = Mutex(State())

    init(_ options: TortureOptions, _ schedule: Schedule, _ wire: Wire) {
        (self.options, self.schedule, self.wire) = (options, schedule, wire)
    }

    /// Whom clients may ask now.
    var endpoints: [Endpoint] { state.withLock(\.endpoints) }
    var lives: [Life] { state.withLock(\.lives) }
    var tally: Tally {
        state.withLock { state in
            var tally = state.tally
            tally.counters = state.counters.values.reduce(ServiceCounters(), +)
            return tally
        }
    }

    private func tell(_ change: (inout Tally) -> Void) { state.withLock { change(&$0.tally) } }
    private func show(_ endpoint: Endpoint) { state.withLock { $0.endpoints.append(endpoint) } }
    private func hide(_ endpoint: Endpoint) { state.withLock { $0.endpoints.removeAll { $0 == endpoint } } }

    /// Kills everything that runs; for the end, however that comes about.
    func endAll() async {
        for process in state.withLock({ Array($0.running.values) }) { await process.end() }
    }

    // MARK: One place

    /// Keeps a place filled with one process after the other until the task is cancelled.
    ///
    /// - Returns: The folder with the last one's data.
    func keep(slot: Int) async -> String {
        var folder = ""
        var leaving: (running: Running, endpoint: Endpoint)?
        var number = 0
        while !Task.isCancelled {
            let plan = schedule.life(slot: slot, number: number)
            if folder.isEmpty || !plan.isDiskKept || leaving != nil {
                if leaving == nil { remove(folder) }
                folder = "\(options.folder)/place-\(slot)-\(number)"
            }
            number += 1
            let overlap = MonotonicTime.now.nanoseconds
            let next = await boot(plan, folder)
            if let (old, endpoint) = leaving {
                await stop(old, endpoint)
                remove(old.folder)
                leaving = nil
                tell { tally in
                    tally.deployCount += 1
                    tally.overlaps.append(overlap...MonotonicTime.now.nanoseconds)
                }
            }
            guard let (running, endpoint) = next else {
                try? await Task.sleep(for: .milliseconds(100))
                continue
            }
            guard await live(running, endpoint) else { continue }
            switch plan.ending {
            case .kill: await kill(running, endpoint, as: "at random")
            case .stop: await stop(running, endpoint)
            case .deploy where Task.isCancelled: await kill(running, endpoint, as: "at the end")
            case .deploy: leaving = (running, endpoint)
            }
        }
        if let (old, endpoint) = leaving { await kill(old, endpoint, as: "at the end") }
        return folder
    }

    /// A process without any plan against it.
    func bootPlainly(in folder: String, keepsDisk: Bool) async -> (Running, Endpoint)? {
        if !keepsDisk { remove(folder) }
        var plan = Schedule.LifePlan()
        plan.isDiskKept = keepsDisk
        return await boot(plan, folder)
    }

    // MARK: A life

    /// Starts a process and waits until it is ready; nil if that did not come about.
    private func boot(_ plan: Schedule.LifePlan, _ folder: String) async -> (Running, Endpoint)? {
        let running: Running
        do { running = try await start(plan, folder) } catch {
            tell { $0.problems.append("\(error)") }
            return nil
        }
        var tender = FreezeTender(length: schedule.freezeLength)
        var deadline = MonotonicTime.now.advanced(by: Self.bootLimit)
        var endpoint: Endpoint?
        while !Task.isCancelled {
            if let exit = running.process.exit {
                noteEarlyEnd(of: running, exit)
                return nil
            }
            switch tender.tend(running.process) {
            case .froze: tell { $0.freezeCount += 1 }
            case .thawed: deadline = MonotonicTime.now.advanced(by: Self.bootLimit)
            case nil: break
            }
            endpoint = endpoint ?? running.port().map { Endpoint(life: running.life, port: $0) }
            if let endpoint, running.process.state == .running, await isReady(endpoint) {
                let time = MonotonicTime.now.nanoseconds - running.started
                tell { $0.bootTimes.append(.nanoseconds(time)) }
                show(endpoint)
                return (running, endpoint)
            }
            if deadline < .now {
                let words = running.lastWords()
                tell { $0.problems.append("process \(running.life) was not ready after \(Self.bootLimit): \(words)") }
                break
            }
            try? await Task.sleep(for: Self.tick)
        }
        await running.process.end()
        forget(running)
        return nil
    }

    private func start(_ plan: Schedule.LifePlan, _ folder: String) async throws -> Running {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let life = state.withLock { state in
            state.tally.livesCount += 1
            return state.tally.livesCount
        }
        var arguments = ["serve", "--host", "127.0.0.1", "--port", "0", "--db", "\(folder)/torture.db"]
        arguments += ["--migrations", options.migrations, "--log-format", "json", "--write-timeout", "3s"]
        var environment = options.environment
        if let replica = options.replica {
            arguments += ["--replica", replica.url, "--durability", "replicated"]
        }
        if !plan.faults.isEmpty { environment[FaultPlan.variable] = "\(plan.faults)" }
        if let skew = plan.clockSkew, let fake = FakeTime.installed {
            environment.merge(fake.variables(skew: skew)) { _, new in new }
            tell { $0.skewCount += 1 }
        }
        let logPath = "\(options.folder)/process-\(life)"
        // Before the process: whatever was acknowledged by then, it must restore.
        let started = MonotonicTime.now.nanoseconds
        let process = try await nursery.start(
            options.program,
            arguments,
            environment: environment,
            output: "\(logPath).out",
            errors: "\(logPath).err"
        )
        state.withLock { state in
            state.lives.append(Life(number: life, started: started))
            state.running[life] = process
        }
        return Running(life: life, plan: plan, folder: folder, process: process, started: started, logPath: logPath)
    }

    private func isReady(_ endpoint: Endpoint) async -> Bool {
        do throws(TransferError) { return try await wire.plain("/readyz", at: endpoint).status == 200 } catch {
            return false
        }
    }

    /// Lets it live; false if it ended by itself.
    private func live(_ running: Running, _ endpoint: Endpoint) async -> Bool {
        let ready = MonotonicTime.now
        let end = ready.advanced(by: running.plan.lasts)
        var tender = FreezeTender(length: schedule.freezeLength)
        var freezesAt = running.plan.freezesAfter.map { ready.advanced(by: $0) }
        let watching = Task { await watchCounters(of: running, endpoint) }
        defer { watching.cancel() }
        while !Task.isCancelled, MonotonicTime.now < end || running.process.state == .stopped {
            if let exit = running.process.exit {
                hide(endpoint)
                noteEarlyEnd(of: running, exit)
                return false
            }
            if let time = freezesAt, time < .now {
                freezesAt = nil
                running.process.send(.stop)
            }
            switch tender.tend(running.process) {
            case .froze:
                // Those who wait for it are enough; the others go elsewhere, as a load balancer would send them.
                hide(endpoint)
                tell { $0.freezeCount += 1 }
            case .thawed: show(endpoint)
            case nil: break
            }
            try? await Task.sleep(for: Self.tick)
        }
        return true
    }

    /// Reads its counters now and then: a process that is killed does not tell them any more.
    private func watchCounters(of running: Running, _ endpoint: Endpoint) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.counterInterval)
            guard running.process.state == .running, let answer = try? await wire.plain("/metrics", at: endpoint),
                answer.status == 200
            else { continue }
            let counters = ServiceCounters(String(decoding: answer.body, as: UTF8.self))
            state.withLock { $0.counters[running.life] = counters }
        }
    }

    private func noteEarlyEnd(of running: Running, _ exit: ChildProcess.Exit) {
        forget(running)
        let planned = running.plan.faults.signals.first { $0.kind == .kill }
        if let planned, exit == .signal(9) {
            return tell { $0.kills[planned.point.rawValue, default: 0] += 1 }
        }
        let isExcused = !running.plan.faults.rates.isEmpty && exit == .code(1)
        let words = running.lastWords()
        tell { tally in
            if isExcused {
                tally.refusedStartCount += 1
            } else {
                tally.problems.append("process \(running.life) ended by itself, \(exit): \(words)")
            }
        }
    }

    func kill(_ running: Running, _ endpoint: Endpoint, as reason: String) async {
        hide(endpoint)
        await running.process.end()
        forget(running)
        tell { $0.kills[reason, default: 0] += 1 }
    }

    /// SIGTERM, to which the answer is an end in good order.
    func stop(_ running: Running, _ endpoint: Endpoint) async {
        hide(endpoint)
        if let exit = running.process.exit { return noteEarlyEnd(of: running, exit) }
        running.process.send(.terminate)
        var tender = FreezeTender(length: schedule.freezeLength)
        var deadline = MonotonicTime.now.advanced(by: Self.stopLimit)
        while running.process.exit == nil, .now < deadline {
            if tender.tend(running.process) == .thawed { deadline = MonotonicTime.now.advanced(by: Self.stopLimit) }
            await Task.detached { try? await Task.sleep(for: Self.tick) }.value
        }
        let exit = running.process.exit
        if exit == nil { await running.process.end() }
        forget(running)
        let words = exit == .code(0) ? "" : running.lastWords()
        let mayBeKilled = running.plan.faults.signals.contains { $0.kind == .kill }
        let hasFaults = !running.plan.faults.isEmpty
        tell { tally in
            tally.stopCount += 1
            switch exit {
            case .code(0): break
            case .signal(9) where mayBeKilled: tally.kills["while stopping", default: 0] += 1
            case .code(1) where hasFaults: tally.cutOffStopCount += 1
            case let exit?: tally.problems.append("process \(running.life) ended with \(exit) on SIGTERM: \(words)")
            case nil: tally.problems.append("process \(running.life) did not end on SIGTERM: \(words)")
            }
        }
    }

    private func forget(_ running: Running) { state.withLock { $0.running[running.life] = nil } }

    private func remove(_ folder: String) {
        // One that cannot be removed is in nobody's way: the next one has another name.
        if !folder.isEmpty { try? FileManager.default.removeItem(atPath: folder) }
    }
}
