import Foundation
import Processes
import TestSupport
import Testing

@Suite struct ProcessTests {
    private func withProcess(_ script: String, _ body: (ChildProcess, String) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let process = try await Nursery().start(
                "/bin/sh",
                ["-c", script],
                environment: ["MARK": "seen"],
                output: "\(folder)/out",
                errors: "\(folder)/err"
            )
            try await body(process, folder)
            await process.end()
        }
    }

    @Test func `a program gets its variables and files, and its end is known`() async throws {
        try await withProcess("echo $MARK; echo oops >&2; exit 3") { process, folder in
            #expect(await process.wait(for: .seconds(20)) == .code(3))
            let output = try String(contentsOfFile: "\(folder)/out", encoding: .utf8)
            let errors = try String(contentsOfFile: "\(folder)/err", encoding: .utf8)
            #expect(output == "seen\n" && errors == "oops\n")
        }
    }

    @Test func `a program is told who its parent is`() async throws {
        try await withProcess("test $HOLDFAST_PARENT = $PPID") { process, _ in
            #expect(await process.wait(for: .seconds(20)) == .code(0))
        }
    }

    @Test func `a killed program has ended by a signal`() async throws {
        try await withProcess("sleep 60") { process, _ in
            #expect(process.state == .running)
            process.send(.kill)
            #expect(await process.wait(for: .seconds(20)) == .signal(9))
            process.send(.kill)
            #expect(process.exit == .signal(9))
        }
    }

    @Test func `a stopped program is seen to be stopped, and goes on`() async throws {
        try await withProcess("kill -STOP $$; exit 4") { process, _ in
            for _ in 0..<2000 where process.state != .stopped { try await Task.sleep(for: .milliseconds(5)) }
            #expect(process.state == .stopped)
            process.send(.go)
            #expect(await process.wait(for: .seconds(20)) == .code(4))
        }
    }

    @Test func `what is no program is an error`() async throws {
        await #expect(throws: ProcessError.self) {
            try await Nursery().start("/nowhere", [], environment: [:], output: "/dev/null", errors: "/dev/null")
        }
    }
}
