import App
import CLI
import FoundationEssentials
import HTTPClient
import ObjectStore

/// `api doctor`: parsing is `init`, work is `run`.
struct DoctorCommand {
    private let replication: ReplicationConfiguration
    private let doctor: Doctor
    private let environment: [String: String]
    private let isJSON: Bool
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) throws {
        self.console = console
        isJSON = invocation.flag("json")
        environment = ProcessInfo.processInfo.environment
        replication = try ServiceReplicas.configuration(invocation, console)
        doctor = Doctor(
            databasePath: try invocation.string("db"),
            shutdownTimeout: try invocation.duration("shutdown-timeout"),
            variables: environment
        )
    }

    func run() throws -> ExitCode {
        let findings = try Foreground.run { try await examine() }
        var table = Table(["check", "state", "detail", "advice"])
        for finding in findings {
            table.add(
                .text(finding.subject),
                .text(finding.state.rawValue),
                .text(finding.detail),
                finding.advice.map { .text($0) } ?? .none
            )
        }
        if isJSON {
            try console.print(table, asJSON: true)
        } else {
            for finding in findings { try console.write(text(finding)) }
        }
        return findings.contains { $0.state == .failure } ? .failure : .success
    }

    private func examine() async throws -> [Doctor.Finding] {
        let bundle = CABundle.find(environment)
        let usesTLS = replication.replicas.contains { replica in
            replica.settings.kind != .file && replica.settings.endpoint?.hasPrefix("http://") != true
        }
        var findings = doctor.examineMachine(bundle: bundle, usesTLS: usesTLS)
        let stores = StoreEnvironment(variables: environment, http: HTTPClient(bundle: bundle))
        for replica in replication.replicas {
            findings += await doctor.examine(replica.name, try replica.settings.open(stores))
        }
        return findings
    }

    private func text(_ finding: Doctor.Finding) -> String {
        let mark =
            switch finding.state {
            case .ok: "ok     "
            case .warning: console.output.style.bold("warning")
            case .failure: console.output.style.red("FAILED ")
            }
        let advice = finding.advice.map { "\n         → \($0)" } ?? ""
        return "\(mark)  \(finding.subject): \(finding.detail)\(advice)\n"
    }
}
