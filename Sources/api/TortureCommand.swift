import App
import CLI
import Faults
import FoundationEssentials
import HTTPClient
import ObjectStore
import Processes
import Torture

/// `api torture`: parsing is `init`, work is `run`.
struct TortureCommand {
    private let options: TortureOptions
    private let isJSON: Bool
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) throws {
        self.console = console
        isJSON = invocation.flag("json")
        let environment = ProcessInfo.processInfo.environment
        let seed = try invocation["seed"].map { setting throws(UsageError) in
            guard let seed = UInt64(setting.text) else { throw setting.refused(expected: "a whole number") }
            return seed
        }
        let chosen = seed ?? UInt64.random(in: 1...999_999_999)
        let name = "torture-\(chosen)-\(UInt32.random(in: 0 ... .max))"
        let folder = "\(FileManager.default.temporaryDirectory.path)/holdfast-\(name)"
        guard let program = OwnProcess.path else { throw ServiceError("cannot tell which program this is") }
        var options = TortureOptions(
            replica: try Self.replica(invocation, name: name, folder: folder, environment),
            program: program,
            migrations: try invocation.string("migrations"),
            folder: folder,
            environment: environment,
            seed: chosen
        )
        options.duration = try invocation.duration("duration", in: .seconds(1) ... .seconds(86_400))
        options.instanceCount = try invocation.integer("instances", in: 1...3)
        options.clientCount = try invocation.integer("clients", in: 1...256)
        options.faults = try invocation.choice("faults", Schedule.FaultLevel.self)
        options.lie = try invocation["lie"].map { setting throws(UsageError) in
            guard let lie = Fault(rawValue: setting.text), lie.isLie else {
                throw setting.refused(expected: "one of " + Self.lies.joined(separator: ", "))
            }
            return lie
        }
        options.freezeLength = try invocation.duration("freeze", in: .seconds(1) ... .seconds(3600))
        options.litestream = invocation["litestream"]?.text ?? Self.program(named: "litestream", environment)
        options.keepsEverything = invocation.flag("keep")
        guard options.replica != nil || options.instanceCount == 1 else {
            throw invocation.usageError("--durability local has one disk, and so one instance")
        }
        self.options = options
    }

    static let lies = Fault.allCases.filter(\.isLie).map(\.rawValue)

    enum Durability: String, CaseIterable { case replicated, local }

    private static func replica(
        _ invocation: Invocation,
        name: String,
        folder: String,
        _ environment: [String: String]
    ) throws -> TortureOptions.Replica? {
        let setting = invocation["replica"]
        guard try invocation.choice("durability", Durability.self) == .replicated else {
            guard setting == nil else { throw invocation.usageError("--durability local has no replica") }
            return nil
        }
        let url = setting.map { TortureOptions.below($0.text, name) } ?? "file://\(folder)/replica"
        do throws(StoreURLError) {
            let settings = try StoreSettings(url: url)
            let stores = StoreEnvironment(variables: environment, http: HTTPClient(bundle: .find(environment)))
            return TortureOptions.Replica(url: url, settings: settings, store: try settings.open(stores))
        } catch { throw invocation.usageError("\(url) cannot be used: \(error)") }
    }

    private static func program(named name: String, _ environment: [String: String]) -> String? {
        let folders = environment["PATH"]?.split(separator: ":") ?? []
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    func run() throws -> ExitCode {
        let report: Report
        do {
            report = try Foreground.run { [options, console] in
                try await TortureRun(options) { console.message($0) }.run()
            }
        } catch let error as TortureError {
            throw ServiceError("\(error)")
        }
        if isJSON {
            try console.write(String(decoding: report.json, as: UTF8.self))
        } else {
            try show(report)
        }
        if !report.isClean { return .failure }
        return report.wasInterrupted ? ExitCode(rawValue: 130) : .success
    }

    private func show(_ report: Report) throws {
        var figures = Table(["what", "figure"])
        for (name, value) in report.lines { figures.add(.text(name), .text(value)) }
        try console.print(figures, asJSON: false)
        var checks = Table(["check", "looked at", "verdict"])
        for verdict in report.verdicts {
            let word =
                verdict.isViolated
                ? "VIOLATED"
                : verdict.skipped.map { "not checked: \($0)" } ?? (verdict.count == 0 ? "nothing to see" : "kept")
            checks.add(.text(verdict.check.rawValue), .integer(verdict.count), .text(word))
        }
        try console.write("\n")
        try console.print(checks, asJSON: false)
        for verdict in report.verdicts {
            for violation in verdict.violations { try console.write("\n\(verdict.check.rawValue): \(violation)\n") }
        }
        for omission in report.omissions { console.message("not tried: \(omission)") }
        for place in report.keptIn { console.message("kept: \(place)") }
        try console.write("\nThe same schedule again: \(again)\n")
    }

    /// The command line that plays the same schedule.
    private var again: String {
        var words = ["api torture --seed \(options.seed) --duration \(options.duration.components.seconds)s"]
        words.append("--instances \(options.instanceCount) --clients \(options.clientCount)")
        words.append("--faults \(options.faults.rawValue) --freeze \(options.freezeLength.components.seconds)s")
        if let lie = options.lie { words.append("--lie \(lie.rawValue)") }
        if options.replica == nil { words.append("--durability local") }
        if let replica = options.replica, replica.settings.kind != .file { words.append("--replica URL") }
        return words.joined(separator: " ")
    }
}
