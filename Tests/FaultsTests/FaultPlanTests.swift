import Faults
import Testing

@Suite struct FaultPlanTests {
    @Test func `a plan reads what it wrote`() throws {
        var plan = FaultPlan()
        plan.seed = 7
        plan.latency = FaultPlan.Latency(0.25, .milliseconds(2) ... .milliseconds(60))
        for fault in Fault.allCases { plan.rates[fault] = FaultPlan.Rate(0.125) }
        plan.rates[.landsLate] = FaultPlan.Rate(0.5, delay: .milliseconds(300))
        plan.truthfulCount = 8
        plan.window = FaultPlan.Window(on: .seconds(3), cycle: .seconds(5))
        for (index, point) in FaultPoint.allCases.enumerated() {
            plan.signals.append(FaultPlan.Signal(index.isMultiple(of: 2) ? .kill : .stop, point, at: index + 1))
        }
        #expect(try FaultPlan("\(plan)") == plan)
    }

    @Test func `the form that is documented is understood`() throws {
        let plan = try FaultPlan("seed=7,latency=0.3:2ms-60ms,reset-after=0.02,active=3s/5s,kill=after-create@12")
        #expect(plan.seed == 7)
        #expect(plan.latency == FaultPlan.Latency(0.3, .milliseconds(2) ... .milliseconds(60)))
        #expect(plan.rates == [.resetAfter: FaultPlan.Rate(0.02)])
        #expect(plan.window == FaultPlan.Window(on: .seconds(3), cycle: .seconds(5)))
        #expect(plan.signals == [FaultPlan.Signal(.kill, .afterCreate, at: 12)])
        #expect(try FaultPlan("").isEmpty)
    }

    @Test(arguments: [
        "seed", "seed=", "seed=x", "unknown=1", "throttled=2", "throttled=-1", "throttled=nan", "throttled=0.1:5ms",
        "lands-late=0.1", "lands-late=0.1:5", "latency=0.1", "latency=0.1:9ms-2ms", "active=5s", "active=6s/5s",
        "active=0s/0s", "kill=nowhere@1", "kill=in-restore", "kill=in-restore@0", "stop=@1",
    ])
    func `what is not understood is refused by name`(text: String) {
        let error = #expect(throws: FaultPlanError.self) { try FaultPlan("seed=1,\(text)") }
        #expect(error?.description.contains(text) == true)
    }
}
