import LTX
import ObjectStore
import Replication

/// One random history of writers on one bucket, driven by the same ``LogMachine`` as in production.
///
/// Requests are delayed, duplicated and lost, answers are lost, writers crash and freeze, their clocks stand still and
/// jump, listings are old, the log is compacted and names come free again. After every change all is compared with
/// what clients were told. The unit of time is a millisecond of the store's clock, and it only takes a few of them.
struct LogSimulation {
    /// A rule that is broken on purpose: the checker must notice.
    enum Mutation: String, CaseIterable, Sendable {
        case acknowledgesBeforeThePUT
        case putsUnconditionally
        case takesATakenNameForALostRace
        case takesATimeoutForAFailure
        case freesNamesAtOnce
        case looksAtTheClockOnlyBeforeThePUT
        case takesAnyOtherFileForALostRace
        case catchesUpByGETHoweverOld
    }

    static let window = 10
    private static let retention = 4 * window
    /// For so long a signed request is valid.
    private static let signatureLife = window
    private static let requestLife = 4
    private static let eventCountMax = 600

    // MARK: The bucket

    private struct Object {
        let attempt: Int
        let entry: LogEntry
    }

    private var objects: [Int: Object] = [:]
    /// What the level above has for each transaction, and since when.
    private var levels: [(object: Object, since: Int)] = []
    private var newest = 0
    /// What was ever created first as each transaction: the real history.
    private var truth: [Int] = [0]
    private var now = 0

    // MARK: What clients were told

    private var batchOf: [Int] = [0]
    private var acknowledged: Set<Int> = []
    private var failed: Set<Int> = []
    private(set) var committedCount = 0
    private(set) var restoreCount = 0
    private(set) var unknownCount = 0

    // MARK: The writers

    private struct Writer {
        let id: Int
        var nodeID: UInt64
        var machine: LogMachine
        /// What readers see, by transaction; the first element is no transaction.
        var database: [Int] = [0]
        var batch = 0
        var attempt = Object(attempt: 0, entry: LogEntry(tip: noTip, predecessor: nil, nodeID: 1))
        var isAppending = false
        var fetched: [Object] = []
        /// What a race that was lost has shown of the transactions that come next.
        var early: [Int: LogMachine.Event] = [:]
        /// Tells the answer that is waited for from late ones.
        var token = 0
        var takenName = false
        var frozenUntil = 0
        var steadyOffset = 0
        var wallOffset = 0

        private static let noTip = LogSimulation.tip(1, 0, 0)
    }

    private enum Happening {
        case start(writer: Int, token: Int)
        case arrival(writer: Int, token: Int, LogMachine.Effect, Object?, asked: LocalTime)
        case answer(writer: Int, token: Int, LogMachine.Event, early: [Int: LogMachine.Event])
    }

    private var writers: [Writer] = []
    private var queue: [(time: Int, happening: Happening)] = []
    private var batchesLeft: Int
    private var random: SplitMix
    private let mutation: Mutation?
    private(set) var violation: String?

    init(seed: UInt64, mutation: Mutation? = nil) {
        random = SplitMix(state: seed)
        self.mutation = mutation
        batchesLeft = 4 + random.below(6)
        for id in 0..<(2 + random.below(2)) {
            writers.append(Writer(id: id, nodeID: UInt64(id + 1), machine: Self.machine(nil, nil, Self.local(0, 0))))
            schedule(random.below(4), .start(writer: id, token: 0))
        }
    }

    /// Runs to the end, or to the first violation.
    mutating func run() {
        var eventCount = 0
        while violation == nil, eventCount < Self.eventCountMax, let next = popNext() {
            eventCount += 1
            now = max(now, next.time)
            handle(next.happening)
            if random.isOnce(in: 5) { compact() }
            if random.isOnce(in: 5) { free() }
        }
    }

    // MARK: Time

    private mutating func schedule(_ delay: Int, _ happening: Happening) { queue.append((now + delay, happening)) }

    private mutating func popNext() -> (time: Int, happening: Happening)? {
        var first: Int?
        for index in queue.indices where first.map({ queue[index].time < queue[$0].time }) ?? true { first = index }
        return first.map { queue.remove(at: $0) }
    }

    private static func local(_ steady: Int, _ wall: Int) -> LocalTime {
        LocalTime(steady: .milliseconds(steady), wall: .milliseconds(wall))
    }

    private func local(_ writer: Int) -> LocalTime {
        Self.local(now + writers[writer].steadyOffset, now + writers[writer].wallOffset)
    }

    private var storeTime: StoreTime { StoreTime(unixMilliseconds: Int64(now)) }

    /// Stops a writer for a while; each of its clocks may stop too, or not.
    private mutating func freeze(_ writer: Int) {
        let duration = 1 + random.below(8 * Self.window)
        writers[writer].frozenUntil = now + duration
        if random.isOnce(in: 2) { writers[writer].steadyOffset -= duration }
        if random.isOnce(in: 2) { writers[writer].wallOffset -= duration }
    }

    // MARK: What happens

    private mutating func handle(_ happening: Happening) {
        switch happening {
        case .arrival(let writer, let token, let effect, let object, let asked):
            let answer = apply(effect, object, asked)
            var early: [Int: LogMachine.Event] = [:]
            if case .readBack(let txid, true) = effect, case .readBack(.other) = answer {
                for number in Int(txid.rawValue)...(Int(txid.rawValue) + 1) { early[number] = file(number, asked) }
            }
            guard !random.isOnce(in: 12) else { return }
            schedule(random.below(2), .answer(writer: writer, token: token, answer, early: early))
        case .start(let writer, let token):
            guard isAwake(writer, happening), writers[writer].token == token else { return }
            start(writer)
        case .answer(let writer, let token, let event, let early):
            guard isAwake(writer, happening), writers[writer].token == token else { return }
            if !early.isEmpty { writers[writer].early = early }
            take(event, writer)
        }
    }

    private mutating func isAwake(_ writer: Int, _ happening: Happening) -> Bool {
        if random.isOnce(in: 25) { freeze(writer) }
        if random.isOnce(in: 60) { writers[writer].wallOffset += random.below(4 * Self.window) - 2 * Self.window }
        guard writers[writer].frozenUntil <= now else {
            queue.append((writers[writer].frozenUntil, happening))
            return false
        }
        guard !random.isOnce(in: 80) else {
            crash(writer)
            return false
        }
        return true
    }

    /// The process ends, and another one begins, without a disk.
    private mutating func crash(_ writer: Int) {
        writers[writer].nodeID += 16
        writers[writer].token += 1
        writers[writer].isAppending = false
        writers[writer].machine = Self.machine(nil, nil, local(writer))
        restore(writer)
        schedule(random.below(3), .start(writer: writer, token: writers[writer].token))
    }

    private static func machine(
        _ tip: LogTip?,
        _ confirmation: LogMachine.Confirmation?,
        _ now: LocalTime
    ) -> LogMachine {
        let timing = LogTiming(
            window: .milliseconds(window),
            checkInterval: .milliseconds(window / 2),
            pauseBase: .milliseconds(1),
            pauseMax: .milliseconds(4),
            catchUpCountMax: 3
        )
        return LogMachine(tip: tip, confirmation: confirmation, timing: timing, at: now)
    }

    // MARK: A writer

    private mutating func start(_ writer: Int) {
        if random.isOnce(in: 4) || batchesLeft == 0 {
            guard batchesLeft > 0 else { return }
            return begin(random.isOnce(in: 2) ? .peek : .fetch, writer)
        }
        batchesLeft -= 1
        batchOf.append(batchOf.count)
        writers[writer].batch = batchOf.count - 1
        append(writer)
    }

    /// Runs the batch on the state as it is, and sends what comes of it.
    private mutating func append(_ writer: Int) {
        batchOf.append(writers[writer].batch)
        let attempt = batchOf.count - 1
        let machine = writers[writer].machine
        let tip = Self.tip(Int(machine.nextTXID.rawValue), attempt, now)
        let checksum = machine.tip?.position.fileChecksum
        let entry = LogEntry(tip: tip, predecessor: checksum, nodeID: writers[writer].nodeID)
        writers[writer].attempt = Object(attempt: attempt, entry: entry)
        writers[writer].isAppending = true
        if mutation == .acknowledgesBeforeThePUT { acknowledge(writer) }
        begin(.append(tip, deadline: local(writer).steady + .milliseconds(12)), writer)
    }

    private static func tip(_ txid: Int, _ attempt: Int, _ time: Int) -> LogTip {
        guard let checksum = Checksum(rawValue: 1 << 63 | UInt64(attempt)) else { preconditionFailure("no checksum") }
        let position = Position(txid: TXID(rawValue: UInt64(txid)), fileChecksum: checksum)
        return LogTip(position: position, timestampMilliseconds: Int64(time / 1000))
    }

    private mutating func begin(_ operation: LogMachine.Operation, _ writer: Int) {
        var time = local(writer)
        if mutation == .catchesUpByGETHoweverOld, let old = writers[writer].machine.confirmation?.local {
            switch operation {
            case .append, .confirm: break
            case .peek, .fetch: time = old
            }
        }
        writers[writer].fetched = []
        if case .fetch = operation {} else { writers[writer].early = [:] }
        perform(writers[writer].machine.begin(operation, at: time), writer)
    }

    private mutating func take(_ event: LogMachine.Event, _ writer: Int) {
        writers[writer].token += 1
        let believed = writers[writer].machine.confirmation?.storeTime
        var event = event
        switch (event, mutation) {
        case (.created, .looksAtTheClockOnlyBeforeThePUT): event = .created(at: believed)
        case (.readBack(.other(let nodeID, _)), .takesAnyOtherFileForALostRace):
            event = .readBack(.other(nodeID: nodeID, at: believed))
        case (.looked(let isThere, _), .catchesUpByGETHoweverOld): event = .looked(isThere: isThere, at: believed)
        case (.absent(_, let asked), .catchesUpByGETHoweverOld): event = .absent(at: believed, asked: asked)
        case (.fetched(let entry, let count, _), .catchesUpByGETHoweverOld):
            event = .fetched(entry, byteCount: count, at: believed)
        default: break
        }
        if case .fetched(let entry, _, _) = event {
            writers[writer].fetched.append(
                Object(attempt: Int(entry.tip.position.fileChecksum.rawValue & .max >> 1), entry: entry)
            )
        }
        if case .notCreated(let error) = event { writers[writer].takenName = error.kind == .exists }
        perform(writers[writer].machine.handle(event, at: local(writer)), writer)
    }

    private mutating func perform(_ effect: LogMachine.Effect, _ writer: Int) {
        let token = writers[writer].token
        switch effect {
        case .finish(let outcome): return finish(outcome, writer)
        case .pause(let duration):
            return schedule(
                Int(duration.components.attoseconds / 1_000_000_000_000_000),
                .answer(writer: writer, token: token, .paused, early: [:])
            )
        case .readBack where mutation == .takesATakenNameForALostRace && writers[writer].takenName:
            return take(.readBack(.other(nodeID: 99, at: writers[writer].machine.confirmation?.storeTime)), writer)
        case .fetch(let txid):
            if let event = writers[writer].early.removeValue(forKey: Int(txid.rawValue)) { return take(event, writer) }
        default: break
        }
        let asked = local(writer)
        if random.isOnce(in: 12) { freeze(writer) }
        let sent = max(0, writers[writer].frozenUntil - now)
        let isCreate = if case .create = effect { true } else { false }
        // What happens when no answer comes.
        let silence: LogMachine.Event = isCreate ? .notCreated(Self.ambiguous) : .failed(Self.unreachable)
        if isCreate, random.isOnce(in: 16) {
            let refusal: LogMachine.Event = .notCreated(random.isOnce(in: 2) ? Self.throttled : Self.unreachable)
            return schedule(sent + random.below(2), .answer(writer: writer, token: token, refusal, early: [:]))
        }
        schedule(sent + Self.requestLife, .answer(writer: writer, token: token, silence, early: [:]))
        let object = writers[writer].attempt
        let copies = random.isOnce(in: 10) ? 0 : random.isOnce(in: 10) ? 2 : 1
        for _ in 0..<copies {
            let way = random.isOnce(in: 8) ? random.below(Self.signatureLife) : random.below(2)
            schedule(sent + way, .arrival(writer: writer, token: token, effect, object, asked: asked))
        }
    }

    private static let ambiguous = ObjectStoreError(.ambiguous, .create, key: "", store: "", "")
    private static let unreachable = ObjectStoreError(.unreachable, .get, key: "", store: "", "")
    private static let throttled = ObjectStoreError(.throttled, .create, key: "", store: "", "")
    private static let exists = ObjectStoreError(.exists, .create, key: "", store: "", "")

    private mutating func finish(_ outcome: LogMachine.Outcome, _ writer: Int) {
        if outcome != .lost { writers[writer].early = [:] }
        switch outcome {
        case .committed:
            acknowledge(writer)
            committedCount += 1
            writers[writer].database.append(writers[writer].attempt.attempt)
            checkVisible(writer)
            next(writer)
        case .lost: begin(.fetch, writer)
        case .unknown:
            unknownCount += 1
            if mutation == .takesATimeoutForAFailure { fail(writer) }
            next(writer)
        case .refused(.restoreNeeded):
            restore(writer)
            append(writer)
        case .refused(let error):
            switch error {
            // An old listing may not have our newest transaction yet.
            case .store, .vanished: fail(writer)
            default: report("\(error)")
            }
            next(writer)
        case .current: next(writer)
        case .behind: begin(.fetch, writer)
        case .caughtUp(let sawEnd):
            guard let last = writers[writer].fetched.last else { return caughtUp(writer) }
            writers[writer].database += writers[writer].fetched.map(\.attempt)
            writers[writer].machine.advance(to: last.entry.tip)
            checkVisible(writer)
            if sawEnd || random.isOnce(in: 2) { caughtUp(writer) } else { begin(.fetch, writer) }
        case .restore:
            restore(writer)
            caughtUp(writer)
        case .failed(.store): caughtUp(writer)
        case .failed(let error): report("\(error)")
        }
    }

    /// Runs the batch again that has lost a race, if there is one.
    private mutating func caughtUp(_ writer: Int) {
        if writers[writer].isAppending { append(writer) } else { next(writer) }
    }

    private mutating func next(_ writer: Int) {
        writers[writer].isAppending = false
        let idle = random.isOnce(in: 6) ? random.below(6 * Self.window) : random.below(4)
        schedule(idle, .start(writer: writer, token: writers[writer].token))
    }

    private mutating func restore(_ writer: Int) {
        restoreCount += 1
        let history = (0..<newest).compactMap { content($0 + 1) }
        writers[writer].database = [0] + history.map(\.attempt)
        let confirmation = LogMachine.Confirmation(storeTime: storeTime, local: local(writer))
        writers[writer].machine.rebase(on: history.last?.entry.tip, confirmation: confirmation, base: nil)
        checkVisible(writer)
    }

    // MARK: The store

    private mutating func apply(
        _ effect: LogMachine.Effect,
        _ object: Object?,
        _ asked: LocalTime
    ) -> LogMachine.Event {
        switch effect {
        case .create(let txid):
            guard let object else { preconditionFailure("nothing to create") }
            return create(Int(txid.rawValue), object)
        case .readBack(let txid, _):
            guard let found = objects[Int(txid.rawValue)] else { return .readBack(.absent) }
            guard found.attempt == object?.attempt else {
                return .readBack(.other(nodeID: found.entry.nodeID, at: storeTime))
            }
            return .readBack(.mine(at: storeTime))
        case .list:
            // As it was a while ago, which some services do not rule out.
            let age = random.isOnce(in: 4) ? random.below(Self.window) : 0
            let covered = levels.prefix { $0.since <= now - age }.count
            let last = age > 0 ? max(covered, objects.keys.filter { $0 < newest }.max() ?? 0) : newest
            return .listed(LogListing(newest: Self.txid(last), covered: Self.txid(covered), base: nil, at: storeTime))
        case .look(let txid): return .looked(isThere: objects[Int(txid.rawValue)] != nil, at: storeTime)
        case .fetch(let txid): return file(Int(txid.rawValue), asked)
        case .check(let txid, _):
            return .checked(lastIsMissing: objects[Int(txid.rawValue)] == nil, baseIsMissing: false)
        case .pause, .finish: preconditionFailure("no request")
        }
    }

    private func file(_ number: Int, _ asked: LocalTime) -> LogMachine.Event {
        guard let found = objects[number] else { return .absent(at: storeTime, asked: asked) }
        return .fetched(found.entry, byteCount: 1, at: storeTime)
    }

    private static func txid(_ number: Int) -> TXID? { number == 0 ? nil : TXID(rawValue: UInt64(number)) }

    private mutating func create(_ txid: Int, _ object: Object) -> LogMachine.Event {
        guard objects[txid] == nil || mutation == .putsUnconditionally else { return .notCreated(Self.exists) }
        objects[txid] = object
        if txid == truth.count { truth.append(object.attempt) }
        newest = max(newest, txid)
        audit()
        return .created(at: storeTime)
    }

    private mutating func compact() {
        guard levels.count < newest else { return }
        guard let object = objects[levels.count + 1] else { return report("\(levels.count + 1) is gone uncovered") }
        levels.append((object, now))
        audit()
    }

    private mutating func free() {
        let least = mutation == .freesNamesAtOnce ? 0 : Self.retention
        guard let txid = objects.keys.min(), txid < newest, txid <= levels.count, now - levels[txid - 1].since >= least
        else { return }
        objects[txid] = nil
        audit()
    }

    /// What a restore finds for a transaction.
    private func content(_ txid: Int) -> Object? {
        txid <= levels.count ? levels[txid - 1].object : objects[txid]
    }

    // MARK: The checker

    private mutating func acknowledge(_ writer: Int) {
        acknowledged.insert(writers[writer].batch)
        audit()
    }

    private mutating func fail(_ writer: Int) {
        failed.insert(writers[writer].batch)
        audit()
    }

    /// No reader ever sees anything but a prefix of the log.
    private mutating func checkVisible(_ writer: Int) {
        let database = writers[writer].database
        if !truth.starts(with: database) { report("writer \(writer) shows \(database) of \(truth)") }
    }

    /// Wipes all disks, restores, and compares with what clients were told.
    private mutating func audit() {
        var seen: [Int: Int] = [:]
        for txid in 0..<newest {
            let attempt = content(txid + 1)?.attempt
            guard attempt == truth[txid + 1] else {
                return report("\(txid + 1) was \(truth[txid + 1]), is \(attempt ?? 0)")
            }
            seen[batchOf[truth[txid + 1]], default: 0] += 1
        }
        if let twice = seen.first(where: { $0.value > 1 }) { report("batch \(twice.key) is there twice") }
        for batch in acknowledged where seen[batch] == nil {
            report("batch \(batch) was acknowledged and is not there")
        }
        for batch in failed where seen[batch] != nil { report("batch \(batch) was called failed and is there") }
    }

    private mutating func report(_ text: String) { violation = violation ?? "at \(now): \(text)" }
}

/// A stream of numbers that depends on nothing but its seed.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() >> 11) % bound }

    mutating func isOnce(in count: Int) -> Bool { below(count) == 0 }
}
