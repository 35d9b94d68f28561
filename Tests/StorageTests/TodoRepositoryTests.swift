import Domain
import SQLite
import Storage
import Testing

@Suite struct TodoRepositoryTests {
    @Test func `a task is found as it was made`() async throws {
        try await withStorage { stored in
            for title in [
                "a", "'; DROP TABLE tasks; --", "\u{1F9F6} \u{2028}", "with\0nul", String(repeating: "x", count: 500),
            ] {
                let id = try await stored.todos.create(title: title).value
                let now = stored.clock.now()
                #expect(
                    try stored.todos.find(id)
                        == Todo(id: id, title: title, status: .todo, created: now, modified: now)
                )
                stored.clock.advance()
            }
        }
    }

    @Test(arguments: [0, -1, 2, .max, .min] as [Int64])
    func `an id that is not there is nothing, and nothing is changed`(id: Int64) async throws {
        try await withStorage { stored in
            #expect(try await stored.todos.create(title: "a").value == 1)
            let before = try stored.todos.find(1)
            #expect(try stored.todos.find(id) == nil)
            #expect(try await stored.todos.update(id, TodoChange(title: "b", status: .done)).value == nil)
            #expect(try await stored.todos.delete(id).value == nil)
            #expect(try stored.todos.find(1) == before)
        }
    }

    @Test(
        arguments: [
            (TodoChange(), "a", .todo), (TodoChange(title: "b"), "b", .todo), (TodoChange(status: .doing), "a", .doing),
            (TodoChange(title: "b", status: .done), "b", .done),
        ] as [(TodoChange, String, Todo.Status)]
    )
    func `a change leaves alone what it does not name, and moves the time`(
        change: TodoChange,
        title: String,
        status: Todo.Status
    ) async throws {
        try await withStorage { stored in
            let id = try await stored.todos.create(title: "a").value
            _ = try await stored.todos.create(title: "neighbour")
            let created = stored.clock.now()
            stored.clock.advance()
            let expected = Todo(id: id, title: title, status: status, created: created, modified: stored.clock.now())
            #expect(try await stored.todos.update(id, change).value == expected)
            #expect(try stored.todos.find(id) == expected)
            #expect(try stored.todos.find(id + 1)?.title == "neighbour")
            #expect(try stored.todos.find(id + 1)?.modified == created)
        }
    }

    @Test func `a deleted task is given back once, and its id never again`() async throws {
        try await withStorage { stored in
            for title in ["a", "b", "c"] { _ = try await stored.todos.create(title: title) }
            let last = try stored.todos.find(3)
            #expect(try await stored.todos.delete(3).value == last)
            #expect(try await stored.todos.delete(3).value == nil)
            #expect(try stored.todos.find(3) == nil)
            #expect(try await stored.todos.create(title: "d").value == 4)
            for id in [1, 2, 4] as [Int64] { _ = try await stored.todos.delete(id) }
            #expect(try await stored.todos.create(title: "e").value == 5)
        }
    }

    private func ids(
        _ stored: Stored,
        after: Int64 = 0,
        limit: Int,
        status: Todo.Status? = nil
    ) throws -> ([Int64], hasMore: Bool) {
        var ids: [Int64] = []
        let hasMore = try stored.todos.list(Page(after: after, limit: limit), status: status) { id, _, _, _ in
            ids.append(id)
        }
        return (ids, hasMore)
    }

    @Test func `pages hold what they say and tell whether there is more`() async throws {
        try await withStorage { stored in
            #expect(try ids(stored, limit: 1) == ([], false))
            for number in 1...7 {
                let id = try await stored.todos.create(title: "\(number)").value
                if number.isMultiple(of: 2) { _ = try await stored.todos.update(id, TodoChange(status: .done)) }
            }
            _ = try await stored.todos.delete(5)
            let cases: [(after: Int64, limit: Int, status: Todo.Status?, [Int64], Bool)] = [
                (0, 1, nil, [1], true), (0, 5, nil, [1, 2, 3, 4, 6], true), (0, 6, nil, [1, 2, 3, 4, 6, 7], false),
                (0, 1000, nil, [1, 2, 3, 4, 6, 7], false), (4, 1, nil, [6], true), (6, 1, nil, [7], false),
                (7, 1, nil, [], false), (5, 100, nil, [6, 7], false), (.max, 1000, nil, [], false),
                (0, 2, .done, [2, 4], true), (0, 3, .done, [2, 4, 6], false), (2, 1, .done, [4], true),
                (4, 1, .done, [6], false), (0, 1, .doing, [], false), (0, 100, .todo, [1, 3, 7], false),
            ]
            for (after, limit, status, expected, hasMore) in cases {
                let found = try ids(stored, after: after, limit: limit, status: status)
                #expect(found == (expected, hasMore), "after \(after), limit \(limit), \(status?.rawValue ?? "any")")
            }
        }
    }

    @Test func `a list shows each task as it is stored`() async throws {
        try await withStorage { stored in
            let titles = ["a", "with\0nul", "\u{1F9F6} \"quoted\" \u{2028}", String(repeating: "x", count: 500)]
            for (title, status) in zip(titles, [.todo, .doing, .done, .todo] as [Todo.Status]) {
                let id = try await stored.todos.create(title: title).value
                stored.clock.advance()
                _ = try await stored.todos.update(id, TodoChange(status: status))
            }
            var found: [[String]] = []
            _ = try stored.todos.list(Page(), status: nil) { _, title, status, created in
                let title = title.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
                found.append([title, status.rawValue, created.text])
            }
            let expected = try titles.indices.map { index in
                let todo = try #require(try stored.todos.find(Int64(index + 1)))
                return [todo.title, todo.status.rawValue, todo.created.text]
            }
            #expect(found == expected)
            #expect(found.map(\.first) == titles)
        }
    }

    @Test func `pages of one row, one after the other, show every row once`() async throws {
        try await withStorage { stored in
            for number in 1...12 { _ = try await stored.todos.create(title: "\(number)") }
            for id in [1, 4, 5, 12] as [Int64] { _ = try await stored.todos.delete(id) }
            var seen: [Int64] = []
            while true {
                let (found, hasMore) = try ids(stored, after: seen.last ?? 0, limit: 1)
                seen += found
                guard hasMore else { break }
            }
            #expect(seen == [2, 3, 6, 7, 8, 9, 10, 11])
        }
    }

    @Test func `the greatest id there is can be read, changed and deleted`() async throws {
        try await withStorage { stored in
            _ = try await stored.database.write { connection in
                try connection.run("INSERT INTO tasks (id, title) VALUES (9223372036854775807, 'last')")
            }
            #expect(try stored.todos.find(.max)?.title == "last")
            #expect(try ids(stored, after: .max - 1, limit: 1) == ([.max], false))
            #expect(try await stored.todos.update(.max, TodoChange(status: .done)).value?.status == .done)
            // No id is left: the next is told that there is no room, and takes no neighbour down.
            let error = try await #require(throws: AppError.self) {
                try await stored.todos.create(title: "one more").value
            }
            #expect(error.code == .unavailable)
            #expect(try await stored.todos.delete(.max).value?.id == .max)
        }
    }

    @Test func `a row that another hand has spoilt is an error, not a guess`() async throws {
        try await withStorage { stored in
            let id = try await stored.todos.create(title: "a").value
            _ = try await stored.database.write { connection in
                try connection.runScript(
                    """
                    CREATE TABLE spoilt (id INTEGER PRIMARY KEY, title TEXT, status TEXT, created TEXT, modified TEXT);
                    INSERT INTO spoilt SELECT id, title, status, 'yesterday', modified FROM tasks;
                    DROP TABLE tasks; ALTER TABLE spoilt RENAME TO tasks;
                    """
                )
            }
            #expect(throws: SQLiteError.self) { try stored.todos.find(id) }
            _ = try await stored.database.write { try $0.run("UPDATE tasks SET created = modified, status = 'gone'") }
            #expect(throws: SQLiteError.self) { try stored.todos.find(id) }
            #expect(throws: SQLiteError.self) { try ids(stored, limit: 1) }
        }
    }
}
