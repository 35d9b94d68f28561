import Faults
import Testing
import Torture

@Suite struct ScheduleTests {
    private func lives(_ schedule: Schedule) -> [Schedule.LifePlan] {
        (0..<3).flatMap { slot in (0..<200).map { schedule.life(slot: slot, number: $0) } }
    }

    @Test func `a seed decides everything, and another one something else`() {
        #expect(lives(Schedule(seed: 1)) == lives(Schedule(seed: 1)))
        #expect(lives(Schedule(seed: 1)) != lives(Schedule(seed: 2)))
    }

    @Test func `with all faults, everything comes up`() {
        var schedule = Schedule(seed: 3)
        schedule.canSkewClock = true
        let plans = lives(schedule)
        #expect(Set(plans.map(\.ending)) == Set(Schedule.LifePlan.Ending.allCases))
        #expect(Set(plans.map(\.isDiskKept)) == [true, false])
        #expect(plans.contains { $0.clockSkew != nil })
        #expect(plans.contains { $0.freezesAfter != nil })
        let points = plans.flatMap(\.faults.signals)
        #expect(Set(points.filter { $0.kind == .kill }.map(\.point)) == Set(FaultPoint.allCases))
        #expect(points.contains { $0.kind == .stop })
        for fault in Fault.allCases where !fault.isLie { #expect(plans.contains { $0.faults.rates[fault] != nil }) }
    }

    @Test func `a store never lies unless it is asked to`() {
        let lies = Set(Fault.allCases.filter(\.isLie))
        for plan in lives(Schedule(seed: 4)) { #expect(lies.isDisjoint(with: plan.faults.rates.keys)) }
        var schedule = Schedule(seed: 4)
        schedule.lie = .overwrites
        for plan in lives(schedule) { #expect(plan.faults.rates[.overwrites] != nil) }
    }

    @Test func `without faults there are kills and deploys, and a store that works`() {
        var schedule = Schedule(seed: 5)
        schedule.faults = .none
        for plan in lives(schedule) { #expect(plan.faults.isEmpty && plan.freezesAfter == nil) }
    }

    @Test func `without a replica the disk stays, and nobody shares it`() {
        var schedule = Schedule(seed: 6)
        schedule.isReplicated = false
        for plan in lives(schedule) { #expect(plan.isDiskKept && plan.ending != .deploy && plan.faults.isEmpty) }
    }

    @Test func `a plan survives the way to the process`() throws {
        for plan in lives(Schedule(seed: 7)) { #expect(try FaultPlan("\(plan.faults)") == plan.faults) }
    }
}
