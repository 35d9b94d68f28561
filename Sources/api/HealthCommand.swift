import CLI
import FoundationEssentials
import HTTPClient

/// `api health`: parsing is `init`, work is `run`.
///
/// For health checks that run beside the service, in an image that has no curl.
struct HealthCommand {
    private let url: String
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) throws(UsageError) {
        let port = try invocation.integer("port", in: 1...65535)
        let host = try invocation.string("host")
        // Where the service listens on all addresses it is to be found on this one.
        let address = ["0.0.0.0", "::"].contains(host) ? "127.0.0.1" : host.contains(":") ? "[\(host)]" : host
        url = "http://\(address):\(port)\(invocation.flag("ready") ? "/readyz" : "/healthz")"
        self.console = console
    }

    func run() throws -> ExitCode {
        let http = HTTPClient(bundle: CABundle.find(ProcessInfo.processInfo.environment), transfersMax: 1)
        var request = ClientRequest(.get, url, limits: Self.limits)
        request.usesProxy = false
        do {
            let answer = try Foreground.run { [request] in try await http.send(request) }
            try console.write(String(decoding: answer.body, as: UTF8.self) + "\n")
            return answer.status == 200 ? .success : .failure
        } catch let error as TransferError {
            console.message("\(url) does not answer: \(error)")
            return .failure
        }
    }

    /// Shorter than the patience of whoever asks; three seconds is what the image's own check has.
    private static let limits = TransferLimits(connect: .seconds(1), stall: .seconds(2), total: .milliseconds(2500))
}
