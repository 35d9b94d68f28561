import Testing

@testable import CLI

/// A tree that could be read two ways stops the program that declares it.
struct CommandTests {
    @Test func `an option cannot be declared again by a subcommand`() async {
        await #expect(processExitsWith: .failure) {
            let inner = Command("inner", summary: "", options: [Option("all", .flag, help: "")])
            _ = Command(
                "outer",
                summary: "",
                options: [Option("size", .value("N"), aliases: ["all"], help: "")],
                subcommands: [inner]
            )
        }
    }

    @Test func `a default subcommand must be there`() async {
        await #expect(processExitsWith: .failure) {
            _ = Command("outer", summary: "", defaultSubcommand: "inner")
        }
    }

    @Test func `two subcommands cannot share a name`() async {
        await #expect(processExitsWith: .failure) {
            let (one, two) = (Command("one", summary: ""), Command("two", aliases: ["one"], summary: ""))
            _ = Command("outer", summary: "", subcommands: [one, two])
        }
    }

    @Test func `no positional can follow a repeated one`() async {
        await #expect(processExitsWith: .failure) {
            _ = Command(
                "outer",
                summary: "",
                positionals: [.init("A", .repeated, help: ""), .init("B", .optional, help: "")]
            )
        }
    }

    @Test func `a required positional cannot follow an optional one`() async {
        await #expect(processExitsWith: .failure) {
            _ = Command("outer", summary: "", positionals: [.init("A", .optional, help: ""), .init("B", help: "")])
        }
    }

    @Test func `a command asks only for what it declares`() async {
        await #expect(processExitsWith: .failure) {
            _ = try invocation("migrate latest")["port"]
        }
    }
}
