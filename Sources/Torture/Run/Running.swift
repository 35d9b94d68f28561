internal import FoundationEssentials
internal import Processes
internal import Threads

/// A process of the service, from its start.
final class Running: Sendable {
    let life: Int
    let plan: Schedule.LifePlan
    let folder: String
    let process: ChildProcess
    let started: Int64
    private let logPath: String

    init(life: Int, plan: Schedule.LifePlan, folder: String, process: ChildProcess, started: Int64, logPath: String) {
        (self.life, self.plan, self.folder) = (life, plan, folder)
        (self.process, self.started, self.logPath) = (process, started, logPath)
    }

    private struct Line: Decodable {
        let message: String
        let port: Int?
    }

    /// Where it listens, once it has said so.
    func port() -> Int? {
        guard let log = try? Data(contentsOf: URL(filePath: "\(logPath).out")) else { return nil }
        for line in log.split(separator: UInt8(ascii: "\n")) {
            guard let line = try? JSONDecoder().decode(Line.self, from: line), line.message == "listening" else {
                continue
            }
            return line.port
        }
        return nil
    }

    /// The end of what it said, for messages.
    func lastWords() -> String {
        var words: [String] = []
        for suffix in ["err", "out"] {
            guard let log = try? Data(contentsOf: URL(filePath: "\(logPath).\(suffix)")), !log.isEmpty else { continue }
            words.append(String(decoding: log.suffix(1200), as: UTF8.self))
        }
        return words.joined(separator: "\n")
    }
}

/// Continues a process that was stopped, by whomever, after a while.
struct FreezeTender {
    let length: Duration
    private var stopped: MonotonicTime?

    enum Change { case froze, thawed }

    init(length: Duration) { self.length = length }

    /// Must be called again and again.
    mutating func tend(_ process: ChildProcess) -> Change? {
        guard process.state == .stopped else { return nil }
        guard let stopped else {
            stopped = .now
            return .froze
        }
        guard stopped.advanced(by: length) < .now else { return nil }
        self.stopped = nil
        process.send(.go)
        return .thawed
    }
}
