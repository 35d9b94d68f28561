import App
import CLI
import Files
import FoundationEssentials
import HTTPClient
import JSON
import LTX
import ObjectStore
import Replication

/// `api verify`: parsing is `init`, work is `run`.
struct VerifyCommand {
    private let replicas: [ReplicationConfiguration.Replica]
    private let databasePath: String
    private let isJSON: Bool
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) throws {
        replicas = try ServiceReplicas.configuration(invocation, console).replicas
        guard !replicas.isEmpty else {
            throw invocation.usageError("there is no replica to verify", hint: "Name it with --replica or REPLICA_URL.")
        }
        databasePath = try invocation.string("db")
        isJSON = invocation.flag("json")
        self.console = console
    }

    func run() throws -> ExitCode {
        let findings = try Foreground.run { try await verify() }
        for finding in findings { try console.write(isJSON ? finding.json : finding.text) }
        return findings.contains { $0.problem != nil } ? .failure : .success
    }

    private func verify() async throws -> [Finding] {
        let variables = ProcessInfo.processInfo.environment
        let environment = StoreEnvironment(variables: variables, http: HTTPClient(bundle: .find(variables)))
        var findings: [Finding] = []
        for replica in replicas {
            findings.append(await verify(replica, try replica.settings.open(environment)))
            guard !Task.isCancelled else { throw ServiceError("interrupted; nothing was left behind") }
        }
        return findings
    }

    private func verify(_ replica: ReplicationConfiguration.Replica, _ store: any ObjectStore) async -> Finding {
        let start = ContinuousClock.now
        // Not under the name that a service beside us uses.
        let proof = RestoreProof(store, at: "\(databasePath).verify")
        var finding = Finding(replica: replica.name, url: replica.settings.description)
        do {
            let position = try PositionRecord.position(of: databasePath)
            var result = try await proof.run(against: original(position))
            // A service that has begun meanwhile may have changed what was compared with.
            if position != nil, try PositionRecord.position(of: databasePath) != position {
                result = result.uncompared("a service has begun to use the database")
            }
            finding.result = result
        } catch { finding.problem = "\(error)" }
        finding.seconds = (ContinuousClock.now - start) / .seconds(1)
        return finding
    }

    private func original(_ position: Position?) -> RestoreProof.Original {
        if let position { return .file(path: databasePath, position.txid) }
        guard FileManager.default.fileExists(atPath: databasePath) else {
            return .none("there is no database at \(databasePath)")
        }
        return .none("the database is in use, or was not closed in order, so nobody knows at which transaction it is")
    }
}

/// What became of one replica's proof.
private struct Finding: Sendable {
    let replica: String
    let url: String
    var result: RestoreProof.Result?
    var problem: String?
    var seconds = 0.0

    init(replica: String, url: String) { (self.replica, self.url) = (replica, url) }

    var text: String {
        let time = "\(Double(Int(seconds * 100)) / 100) s"
        if let problem { return "FAILED  \(replica) (\(url)), after \(time): \(problem)\n" }
        return "ok      \(replica) (\(url)), in \(time). \(result?.detail ?? "")\n"
    }

    var json: String {
        var json = JSONWriter()
        json.beginObject()
        json.key("replica")
        json.string(replica)
        json.key("url")
        json.string(url)
        json.key("succeeded")
        json.bool(problem == nil)
        json.key("txid")
        if let txid = result?.txid { json.string("\(txid)") } else { json.null() }
        json.key("bytes")
        if let result { json.integer(Int64(result.byteCount)) } else { json.null() }
        json.key("compared")
        json.bool(result?.comparison == .same)
        json.key("duration_ms")
        json.integer(Int64(seconds * 1000))
        json.key("detail")
        json.string(problem ?? result?.detail ?? "")
        json.endObject()
        json.newline()
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
