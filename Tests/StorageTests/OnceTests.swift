import Domain
import SQLite
import Storage
import Testing

@Suite struct OnceTests {
    private func once(_ key: String, request: UInt8 = 1) -> Once<Int64> {
        Once(IdempotencyKey(text: key, requestDigest: [UInt8](repeating: request, count: 32))) { id in
            KeptAnswer(status: 201, fields: Array("Location: /\(id)\r\n".utf8), body: Array("\(id)".utf8))
        }
    }

    private func titles(_ stored: Stored) throws -> [String] {
        try stored.database.read { connection in
            var titles: [String] = []
            try connection.query("SELECT title FROM tasks ORDER BY id") { titles.append($0.text(0)) }
            return titles
        }
    }

    private func keyCount(_ stored: Stored) throws -> Int64? {
        try stored.database.read { try $0.first("SELECT count(*) FROM idempotency_keys") { $0.integer(0) } }
    }

    @Test func `what was done before is not done again, and its answer comes back`() async throws {
        try await withStorage { stored in
            #expect(try await stored.todos.create(title: "a", once: once("k")).value == 1)
            let repetition = try await #require(throws: Repetition.self) {
                try await stored.todos.create(title: "a", once: once("k"))
            }
            #expect(repetition.answer == once("k").answer(1))
            #expect(try titles(stored) == ["a"])
        }
    }

    @Test func `a hundred at a time are done once`() async throws {
        try await withStorage { stored in
            let answers = try await withThrowingTaskGroup { group in
                for _ in 0..<100 {
                    group.addTask {
                        do {
                            return try await stored.todos.create(title: "a", once: once("k")).value == 1
                        } catch let repetition as Repetition {
                            #expect(repetition.answer.body == Array("1".utf8))
                            return false
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.count(where: \.self) == 1)
            #expect(try titles(stored) == ["a"])
        }
    }

    @Test func `another request under the same key is refused, and changes nothing`() async throws {
        try await withStorage { stored in
            _ = try await stored.todos.create(title: "a", once: once("k"))
            let error = try await #require(throws: AppError.self) {
                try await stored.todos.create(title: "b", once: once("k", request: 2))
            }
            #expect(error.code == .keyReused)
            #expect(try titles(stored) == ["a"])
        }
    }

    @Test func `an answer is kept for a day, and what is older goes a few at a time`() async throws {
        try await withStorage { stored in
            for number in 0..<50 { _ = try await stored.todos.create(title: "\(number)", once: once("k\(number)")) }
            stored.clock.advance(by: 86_399)
            await #expect(throws: Repetition.self) { try await stored.todos.create(title: "0", once: once("k0")) }
            stored.clock.advance(by: 1)
            #expect(try await stored.todos.create(title: "again", once: once("k0")).value == 51)
            #expect(try keyCount(stored) == 30)
            #expect(try await stored.todos.create(title: "more", once: once("k50")).value == 52)
            #expect(try await stored.todos.create(title: "more", once: once("k51")).value == 53)
            #expect(try keyCount(stored) == 3)
        }
    }

    @Test func `a key whose write failed is free`() async throws {
        try await withStorage { stored in
            _ = try await stored.database.write {
                try $0.run("INSERT INTO tasks (id, title) VALUES (?1, 'last')", .integer(.max))
            }
            await #expect(throws: AppError.self) { try await stored.todos.create(title: "a", once: once("k")) }
            #expect(try keyCount(stored) == 0)
        }
    }

    @Test func `an answer that is nil is not kept`() async throws {
        try await withStorage { stored in
            let once = Once<Bool>(IdempotencyKey(text: "k", requestDigest: [UInt8](repeating: 0, count: 32))) { isNew in
                isNew ? KeptAnswer(status: 200, fields: [], body: []) : nil
            }
            _ = try await stored.pastes.create(Paste(id: "AAAAAAAA", contents: [1]))
            #expect(try await stored.pastes.create(Paste(id: "AAAAAAAA", contents: [1]), once: once).value == false)
            #expect(try await stored.pastes.create(Paste(id: "BBBBBBBB", contents: [1]), once: once).value)
            await #expect(throws: Repetition.self) {
                try await stored.pastes.create(Paste(id: "CCCCCCCC", contents: [1]), once: once)
            }
        }
    }

    @Test func `without the table a key is unavailable, and no key is needed`() async throws {
        try await withStorage { stored in
            _ = try await stored.database.write { try $0.run("DROP TABLE idempotency_keys") }
            let error = try await #require(throws: AppError.self) {
                try await stored.todos.create(title: "a", once: once("k"))
            }
            #expect(error.code == .unavailable)
            #expect(try await stored.todos.create(title: "a").value == 1)
        }
    }
}
