import App
import CLI
import FoundationEssentials
import HTTPClient
import LitestreamConfiguration
import ObjectStore

/// The replicas that a command line names: by a URL, or by a database of `litestream.yml`.
struct ReplicaSource: Sendable {
    struct Replica: Sendable {
        /// As the configuration calls it, or the URL's kind.
        let name: String
        let settings: StoreSettings
    }

    /// The path in the configuration; nil for a URL.
    let databasePath: String?
    let replicas: [Replica]

    static let defaultConfigPath = "/etc/litestream.yml"

    /// Finds what `argument` names; reads the configuration, but asks no store.
    init(_ argument: String, _ invocation: Invocation, _ console: Console) throws {
        let wanted = invocation["replica"]?.text
        if argument.contains("://") {
            guard invocation["config"] == nil else {
                throw invocation.usageError("a replica URL and --config exclude each other")
            }
            guard wanted == nil else {
                throw invocation.usageError("--replica names a replica of the configuration, and a URL needs none")
            }
            let settings: StoreSettings
            do { settings = try StoreSettings(url: argument) } catch {
                throw invocation.usageError("\(argument) cannot be used: \(error)")
            }
            databasePath = nil
            replicas = [Replica(name: settings.kind.rawValue, settings: settings)]
            return
        }
        let (configuration, path) = try Self.configuration(invocation, console)
        let folder = FileManager.default.currentDirectoryPath
        let home = ProcessInfo.processInfo.environment["HOME"]
        guard let database = configuration.database(at: argument, folder: folder, home: home) else {
            throw ServiceError("\(path) has no database \(argument)")
        }
        let found = database.replicas.filter { wanted == nil || $0.name == wanted }
        guard !found.isEmpty else {
            let names = database.replicas.map(\.name).joined(separator: ", ")
            let which = wanted.map { "replica \($0)" } ?? "replica"
            throw ServiceError(
                "\(database.path) has no \(which) in \(path)" + (names.isEmpty ? "" : ": it has \(names)")
            )
        }
        databasePath = database.path
        replicas = found.map { Replica(name: $0.name, settings: $0.settings) }
    }

    /// The configuration that the command line names, or else the usual one; and its path.
    static func configuration(
        _ invocation: Invocation,
        _ console: Console
    ) throws -> (LitestreamConfiguration, path: String) {
        let environment = ProcessInfo.processInfo.environment
        // Not as the option's own variable: a URL does without a configuration, also where that is set.
        let path = invocation["config"]?.text ?? environment["LITESTREAM_CONFIG"] ?? defaultConfigPath
        let text: String
        do { text = try String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self) } catch {
            throw ServiceError("cannot read the configuration \(path): \(fileFailureReason(error))")
        }
        do throws(ConfigurationError) {
            let configuration = try LitestreamConfiguration(
                text,
                variables: invocation.flag("no-expand-env") ? nil : environment,
                folder: FileManager.default.currentDirectoryPath,
                home: environment["HOME"]
            )
            for warning in configuration.warnings { console.message("warning: \(path): \(warning)") }
            return (configuration, path)
        } catch {
            throw ServiceError("\(path): \(error)")
        }
    }

    /// Opens the stores; this starts the thread of the HTTP client.
    static func open(_ replicas: [Replica]) throws -> [(name: String, store: any ObjectStore)] {
        let variables = ProcessInfo.processInfo.environment
        let environment = StoreEnvironment(variables: variables, http: HTTPClient(bundle: .find(variables)))
        return try replicas.map { ($0.name, try $0.settings.open(environment)) }
    }
}
