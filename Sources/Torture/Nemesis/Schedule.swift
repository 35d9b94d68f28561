package import Faults

/// What happens to the processes of a run: all of it follows from the seed, so that a schedule can be played again.
///
/// Decides and does nothing else: no clock, no process.
package struct Schedule: Sendable {
    package enum FaultLevel: String, Sendable, CaseIterable { case none, some, all }

    package var seed: UInt64
    package var faults = FaultLevel.all
    /// Whether the data outlives its disk; if not, every life continues on the disk of the one before.
    package var isReplicated = true
    package var canSkewClock = false
    /// What the store does that no store may do.
    package var lie: Fault?
    /// Longer than every timeout of the service and of the clients.
    package var freezeLength = Duration.seconds(8)

    package init(seed: UInt64) { self.seed = seed }

    /// What one process lives through.
    package struct LifePlan: Sendable, Equatable {
        package enum Ending: String, Sendable, CaseIterable {
            /// SIGKILL.
            case kill
            /// SIGTERM, and the next one after it has ended.
            case stop
            /// The next one starts; when it serves, this one gets SIGTERM.
            case deploy
        }

        package var isDiskKept = false
        package var faults = FaultPlan()
        package var clockSkew: Duration?
        /// When it is stopped by SIGSTOP, after it was ready.
        package var freezesAfter: Duration?
        package var lasts = Duration.seconds(5)
        package var ending = Ending.kill
    }

    /// The plan for the process that is the `number`th in its place.
    package func life(slot: Int, number: Int) -> LifePlan {
        var random = SplitMix64(seed: seed, slot, number)
        var plan = LifePlan()
        plan.isDiskKept = !isReplicated || number > 0 && random.chance(0.25)
        plan.lasts = random.duration(in: .milliseconds(800) ... .seconds(6))
        let ending = random.chance(0.65) ? LifePlan.Ending.kill : random.chance(0.6) ? .deploy : .stop
        plan.ending = ending == .deploy && !isReplicated ? .stop : ending
        if canSkewClock, random.chance(0.2) {
            // Less than the fifteen minutes for which a store takes a signature; and forward only, as libfaketime makes
            // the timers of a clock that is put back wait for as long. The others are behind this one then.
            plan.clockSkew = .seconds([90, 400].randomElement(using: &random) ?? 0)
        }
        if faults != .none, random.chance(faults == .all ? 0.2 : 0.1) {
            plan.freezesAfter = random.duration(in: .milliseconds(200) ... .milliseconds(1500))
            plan.lasts = freezeLength + .seconds(4)
        }
        plan.faults = faultPlan(&random)
        guard lie == .forgets else { return plan }
        // A name that came free harms only who stood still meanwhile, with his PUT in hand, while others went on.
        plan.lasts = freezeLength + .seconds(20)
        if slot == 0 {
            let count = Int.random(in: 5...60, using: &random)
            plan.faults.signals.append(FaultPlan.Signal(.stop, .beforeCreate, at: count))
        }
        return plan
    }

    private func faultPlan(_ random: inout SplitMix64) -> FaultPlan {
        var plan = FaultPlan()
        plan.seed = random.next() >> 1
        guard isReplicated else { return plan }
        if let lie {
            plan.rates[lie] = FaultPlan.Rate(lie == .forgets ? 1 : 0.2, delay: .milliseconds(400))
            plan.truthfulCount = 8
        }
        guard faults != .none, lie == nil else { return plan }
        plan.latency = FaultPlan.Latency(0.3, .milliseconds(1) ... .milliseconds(faults == .all ? 120 : 30))
        let rate = faults == .all ? 0.02 : 0.005
        plan.rates[.throttled] = FaultPlan.Rate(rate)
        plan.rates[.unavailable] = FaultPlan.Rate(rate)
        plan.rates[.resetBefore] = FaultPlan.Rate(rate)
        plan.rates[.resetAfter] = FaultPlan.Rate(rate * 2)
        guard faults == .all else { return plan }
        plan.rates[.landsLate] = FaultPlan.Rate(rate, delay: random.duration(in: .milliseconds(20) ... .seconds(6)))
        plan.rates[.duplicated] = FaultPlan.Rate(rate, delay: random.duration(in: .milliseconds(20) ... .seconds(6)))
        plan.rates[.truncated] = FaultPlan.Rate(rate)
        plan.rates[.staleList] = FaultPlan.Rate(0.2, delay: random.duration(in: .milliseconds(100) ... .seconds(3)))
        if random.chance(0.5) { plan.window = FaultPlan.Window(on: .seconds(1), cycle: .seconds(3)) }
        if random.chance(0.1) {
            // Now and then nothing at all gets through.
            plan.rates[.unavailable] = FaultPlan.Rate(1)
            plan.window = FaultPlan.Window(on: .seconds(1), cycle: .seconds(5))
        }
        if random.chance(0.45) { plan.signals.append(signal(&random)) }
        return plan
    }

    private func signal(_ random: inout SplitMix64) -> FaultPlan.Signal {
        let point = FaultPoint.allCases.randomElement(using: &random) ?? .afterCreate
        let count =
            switch point {
            case .beforeCreate, .afterCreate: Int.random(in: 1...40, using: &random)
            case .inCompaction: Int.random(in: 1...3, using: &random)
            case .inRestore, .inCatchUp: Int.random(in: 1...5, using: &random)
            }
        let isStop = random.chance(0.15) && (point == .beforeCreate || point == .afterCreate)
        return FaultPlan.Signal(isStop ? .stop : .kill, point, at: count)
    }
}
