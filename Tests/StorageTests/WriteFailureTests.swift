import Dispatch
import Domain
import SQLite
import Storage
import Testing

/// What repositories say when the database does not take a write.
@Suite struct WriteFailureTests {
    private struct Refusal: Error, CustomStringConvertible {
        let description = "the reason, with SQL and paths"
    }

    private struct RefusingGate: CommitGate {
        func commit(_ connection: Connection) throws -> UInt64? { throw Refusal() }
    }

    private final class StandingGate: CommitGate {
        let opened = DispatchSemaphore(value: 0)

        func commit(_ connection: Connection) throws -> UInt64? {
            opened.wait()
            opened.signal()
            try connection.commit()
            return nil
        }
    }

    private typealias Write = @Sendable (Stored) async throws -> Void

    private static let writes: [Write] = [
        { _ = try await $0.todos.create(title: "a") }, { _ = try await $0.todos.update(1, TodoChange(title: "b")) },
        { _ = try await $0.users.create(firstName: "a", lastName: nil) },
        { _ = try await $0.users.update(1, UserChange(firstName: "b")) },
        { _ = try await $0.pastes.create(Paste(id: "AAAAAAAA", contents: [1])) },
    ]

    @Test(arguments: writes.indices)
    func `a refused commit is unavailable, and its reason is for the log alone`(index: Int) async throws {
        try await withStorage(gate: RefusingGate()) { stored in
            let error = try await #require(throws: AppError.self) { try await Self.writes[index](stored) }
            #expect(error.code == .unavailable)
            #expect(!error.detail.contains("SQL") && error.cause == "the reason, with SQL and paths")
        }
    }

    @Test func `a write that is too late at the gate may still be done, one that waits behind it is not`() async throws
    {
        let gate = StandingGate()
        try await withStorage(gate: gate, writeTimeout: .milliseconds(100)) { stored in
            defer { gate.opened.signal() }
            let codes = try await withThrowingTaskGroup(of: AppError.Code?.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        do {
                            _ = try await stored.todos.create(title: "\(number)")
                            return nil
                        } catch let error as AppError {
                            return error.code
                        }
                    }
                    // So that the first is in a batch of its own.
                    if number == 0 { try await Task.sleep(for: .milliseconds(30)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(codes) == [.outcomeUnknown, .unavailable])
        }
    }

    @Test func `a closed database is unavailable, and still read`() async throws {
        try await withStorage { stored in
            let id = try await stored.todos.create(title: "a").value
            stored.database.close()
            let error = try await #require(throws: AppError.self) { try await stored.todos.create(title: "b").value }
            #expect(error.code == .unavailable)
            #expect(try stored.todos.find(id)?.title == "a")
        }
    }
}
