import APIRoutes
import App
import CLI
import FoundationEssentials
import Glibc
import JSON
import Pages
import Processes
import SQLite

/// Picks a command, runs it, and chooses the exit code.
@main
enum Program {
    static func main() {
        keepStandardDescriptors()
        // A reader that goes away is told from the write, and is no reason to die.
        signal(SIGPIPE, SIG_IGN)
        // Nothing of the program may belong to the main actor: nobody runs its queue.
        exit(run(Array(OwnProcess.arguments.dropFirst())).rawValue)
    }

    /// Takes the places of standard descriptors that the caller closed.
    ///
    /// Otherwise a database or a client would get them, and our log lines with them. Read-only, so that writing to one
    /// fails as it would have.
    private nonisolated static func keepStandardDescriptors() {
        var descriptor: Int32
        repeat { descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) } while (0...2).contains(descriptor)
        if descriptor > 2 { close(descriptor) }
    }

    private nonisolated static func run(_ arguments: [String]) -> ExitCode {
        let environment = ProcessInfo.processInfo.environment
        Parent.follow(environment)
        let console = Console(environment: environment)
        do {
            switch try CommandTree.root.parse(arguments, environment: environment) {
            case .help(let path): try console.write(path.help(for: console.output))
            case .version: try printVersion(console)
            case .run(let invocation): return try run(invocation, console)
            }
            return .success
        } catch {
            return console.report(error)
        }
    }

    private nonisolated static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
        switch invocation.command {
        case "serve": try ServeCommand(invocation, console).run()
        case let command where command.hasPrefix("migrate "):
            return try MigrateCommand(invocation, console).run()
        case let command where command.hasPrefix("seed "):
            try SeedCommand(invocation, console).run()
        case "health": return try HealthCommand(invocation, console).run()
        case "doctor": return try DoctorCommand(invocation, console).run()
        case "status": return try StatusCommand(invocation, console).run()
        case "replicate": return try ReplicateCommand(invocation, console).run()
        case "restore": return try RestoreCommand(invocation, console).run()
        case "verify": return try VerifyCommand(invocation, console).run()
        case "databases", "ltx", "snapshots", "generations", "wal":
            return try ListingCommand(invocation, console).run()
        case "torture": return try TortureCommand(invocation, console).run()
        case "openapi": try console.write(String(decoding: Pages.openapiJSON, as: UTF8.self))
        case "config print":
            // What `serve` would refuse is refused here too.
            _ = try ServeCommand(invocation, console)
            try console.print(invocation.settingsReport(of: CommandTree.serveOptions), asJSON: invocation.flag("json"))
        case "completions":
            let shell = try invocation.choice("SHELL", Shell.self)
            try console.write(shell.completionScript(for: CommandTree.root))
        case "version": try printVersion(console)
        case let command: preconditionFailure("\(command) is declared and not implemented")
        }
        return .success
    }

    private nonisolated static func printVersion(_ console: Console) throws {
        try console.write("holdfast \(Version.current) (SQLite \(Connection.libraryVersion))\n")
    }
}

extension Console {
    /// Shows a table as text, or as JSON for programs.
    func print(_ table: Table, asJSON: Bool) throws {
        guard asJSON else { return try write(table.text(style: output.style)) }
        try write(
            table.json { text in
                var json = JSONWriter(capacity: text.utf8.count + 2)
                json.string(text)
                return String(decoding: json.bytes, as: UTF8.self)
            }
        )
    }
}
