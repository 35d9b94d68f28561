/// What a store is to do wrong, as the environment variable `HOLDFAST_FAULTS` says it.
///
/// Settings separated by commas, for example
/// `seed=7,latency=0.3:2ms-60ms,reset-after=0.02,active=3s/5s,kill=after-create@12`:
/// - `seed=N` decides every choice;
/// - `<fault>=P` or `<fault>=P:TIME`: with this probability, and for the faults that take a time, that much later;
///   the faults are the cases of ``Fault``;
/// - `latency=P:TIME-TIME`: a call takes that much longer;
/// - `active=TIME/TIME`: only for the first time of every second time;
/// - `truthful=N`: no lie before so many level-0 files are written;
/// - `kill=POINT@N` and `stop=POINT@N`: SIGKILL or SIGSTOP to the own process when the point (a case of
///   ``FaultPoint``) is reached for the Nth time. May be given several times.
///
/// Only what concerns files of the log, and listings, is disturbed: the probe at start sees the store as it is.
package struct FaultPlan: Sendable, Equatable {
    package struct Rate: Sendable, Equatable {
        package var probability: Double
        /// How much later, for faults that do something later.
        package var delay: Duration

        package init(_ probability: Double, delay: Duration = .zero) {
            (self.probability, self.delay) = (probability, delay)
        }
    }

    package struct Latency: Sendable, Equatable {
        package var probability: Double
        package var range: ClosedRange<Duration>

        package init(_ probability: Double, _ range: ClosedRange<Duration>) {
            (self.probability, self.range) = (probability, range)
        }
    }

    /// On for the first `on` of every `cycle`.
    package struct Window: Sendable, Equatable {
        package var on: Duration
        package var cycle: Duration

        package init(on: Duration, cycle: Duration) { (self.on, self.cycle) = (on, cycle) }

        func isOn(at elapsed: Duration) -> Bool { elapsed.milliseconds % max(1, cycle.milliseconds) < on.milliseconds }
    }

    package struct Signal: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable { case kill, stop }

        package var kind: Kind
        package var point: FaultPoint
        /// The how-manieth time the point is reached.
        package var count: Int

        package init(_ kind: Kind, _ point: FaultPoint, at count: Int) {
            (self.kind, self.point, self.count) = (kind, point, count)
        }
    }

    package var seed: UInt64 = 0
    package var latency: Latency?
    package var rates: [Fault: Rate] = [:]
    package var window: Window?
    package var signals: [Signal] = []
    /// So many level-0 files are written before the store begins to lie.
    package var truthfulCount = 0

    package init() {}

    /// Whether it changes nothing.
    package var isEmpty: Bool { latency == nil && rates.isEmpty && signals.isEmpty }
}

/// A way in which a store fails or, from ``overwrites`` on, lies.
package enum Fault: String, Sendable, CaseIterable {
    /// The store asks for fewer requests, and does nothing.
    case throttled
    /// A 500 or 503 that did nothing.
    case unavailable
    /// The connection ends before the request took effect.
    case resetBefore = "reset-before"
    /// The connection ends after the request took effect.
    case resetAfter = "reset-after"
    /// The connection ends, and the request takes effect later.
    case landsLate = "lands-late"
    /// A create that was answered arrives once more later, with its condition.
    case duplicated
    /// A GET is answered in part.
    case truncated
    /// A listing is as old as the time says; deletions are already in it.
    case staleList = "stale-list"

    // What no store may do, and a correct service cannot survive: to see that the checker notices.

    /// "Create if absent" replaces what is there: as if the service left out the condition.
    case overwrites
    /// "Created" before it is: as if the service answered before the PUT.
    case earlyAnswer = "early-answer"
    /// "Refused" for what is done: as if the service took a timeout for a failure.
    case falseRefusal = "false-refusal"
    /// A create takes effect under another writer's name, and is cut off: as if the service took what it finds under
    /// its name for another's.
    case disowned
    /// Deletes files of level 0 as soon as a higher level covers them: as if retention freed a name that may be reused.
    case forgets

    package var isLie: Bool {
        switch self {
        case .overwrites, .earlyAnswer, .falseRefusal, .disowned, .forgets: true
        default: false
        }
    }

    var takesTime: Bool {
        switch self {
        case .landsLate, .duplicated, .staleList, .earlyAnswer: true
        default: false
        }
    }
}

/// A place in the service's life that its store can see.
package enum FaultPoint: String, Sendable, CaseIterable {
    /// Before the PUT of a level-0 file.
    case beforeCreate = "before-create"
    /// After the store applied the PUT of a level-0 file, before the service knows.
    case afterCreate = "after-create"
    /// In the middle of writing a file of a higher level.
    case inCompaction = "in-compaction"
    /// When a file of the log was read before this process wrote one.
    case inRestore = "in-restore"
    /// When a level-0 file was read after this process wrote one.
    case inCatchUp = "in-catch-up"
}

package struct FaultPlanError: Error, Equatable, CustomStringConvertible {
    package let description: String
}

// MARK: As text

extension FaultPlan: CustomStringConvertible {
    package static let variable = "HOLDFAST_FAULTS"

    /// The form that ``init(_:)`` reads.
    package var description: String {
        var parts = ["seed=\(seed)"]
        if let latency {
            let (from, to) = (latency.range.lowerBound.milliseconds, latency.range.upperBound.milliseconds)
            parts.append("latency=\(latency.probability):\(from)ms-\(to)ms")
        }
        for fault in Fault.allCases {
            guard let rate = rates[fault] else { continue }
            let delay = fault.takesTime ? ":\(rate.delay.milliseconds)ms" : ""
            parts.append("\(fault.rawValue)=\(rate.probability)\(delay)")
        }
        if truthfulCount > 0 { parts.append("truthful=\(truthfulCount)") }
        if let window { parts.append("active=\(window.on.milliseconds)ms/\(window.cycle.milliseconds)ms") }
        parts += signals.map { "\($0.kind.rawValue)=\($0.point.rawValue)@\($0.count)" }
        return parts.joined(separator: ",")
    }

    package init(_ text: String) throws(FaultPlanError) {
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2 else { throw Self.error(part, "is not name=value") }
            try set(pair[0], pair[1], part)
        }
    }

    private mutating func set(_ name: String, _ value: String, _ part: Substring) throws(FaultPlanError) {
        if let fault = Fault(rawValue: name) { return rates[fault] = try Self.rate(value, fault, part) }
        if let kind = Signal.Kind(rawValue: name) { return signals.append(try Self.signal(kind, value, part)) }
        switch name {
        case "seed":
            guard let seed = UInt64(value) else { throw Self.error(part, "needs a whole number") }
            self.seed = seed
        case "truthful":
            guard let count = Int(value), count >= 0 else { throw Self.error(part, "needs a whole number") }
            truthfulCount = count
        case "latency":
            let pieces = value.split(separator: ":")
            let times = pieces.count == 2 ? pieces[1].split(separator: "-").map(Self.time) : []
            guard times.count == 2, let from = times[0], let to = times[1], from <= to else {
                throw Self.error(part, "needs P:TIME-TIME")
            }
            latency = Latency(try Self.probability(pieces[0], part), from...to)
        case "active":
            let times = value.split(separator: "/").map(Self.time)
            guard times.count == 2, let on = times[0], let cycle = times[1], on <= cycle, cycle > .zero else {
                throw Self.error(part, "needs TIME/TIME")
            }
            window = Window(on: on, cycle: cycle)
        default: throw Self.error(part, "is not known")
        }
    }

    private static func rate(_ value: String, _ fault: Fault, _ part: Substring) throws(FaultPlanError) -> Rate {
        let pieces = value.split(separator: ":")
        guard fault.takesTime else { return Rate(try probability(Substring(value), part)) }
        guard pieces.count == 2, let delay = time(pieces[1]) else { throw error(part, "needs P:TIME") }
        return Rate(try probability(pieces[0], part), delay: delay)
    }

    private static func signal(
        _ kind: Signal.Kind,
        _ value: String,
        _ part: Substring
    ) throws(FaultPlanError) -> Signal {
        let pieces = value.split(separator: "@").map(String.init)
        guard pieces.count == 2, let point = FaultPoint(rawValue: pieces[0]), let count = Int(pieces[1]), count > 0
        else { throw error(part, "needs POINT@N") }
        return Signal(kind, point, at: count)
    }

    private static func probability(_ text: Substring, _ part: Substring) throws(FaultPlanError) -> Double {
        guard let value = Double(text), (0...1).contains(value) else { throw error(part, "needs 0 to 1") }
        return value
    }

    private static func time(_ text: Substring) -> Duration? {
        for (unit, milliseconds) in [("ms", 1), ("s", 1000)] where text.hasSuffix(unit) {
            guard let count = Int(text.dropLast(unit.count)), (0...3_600_000).contains(count) else { return nil }
            return .milliseconds(count * milliseconds)
        }
        return nil
    }

    private static func error(_ part: Substring, _ problem: String) -> FaultPlanError {
        FaultPlanError(description: "\(variable): \(part) \(problem)")
    }
}
