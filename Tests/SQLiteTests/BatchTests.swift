import SQLite
import Testing

/// How writes that share a transaction get on with each other.
@Suite struct BatchTests {
    private static let makeTraps = """
        CREATE TRIGGER end_all BEFORE INSERT ON items WHEN NEW.name = 'raise' BEGIN SELECT RAISE(ROLLBACK, 'boom'); END;
        CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
        """

    /// Runs all `bodies` in one batch.
    ///
    /// - Returns: How each ended, and the names of all items afterwards.
    private func outcomes(
        _ bodies: [@Sendable (Connection) throws -> Void],
        gate: any CommitGate = CountingGate()
    ) async throws -> (results: [Result<Void, any Error>], names: [String]) {
        let blocking = BlockingGate()
        return try await withDatabase(gate: GateSequence(blocking, gate)) { database, _ in
            let loop = try await TestLoop(database)
            defer { blocking.open() }
            // While this one stands at the gate, all others gather.
            async let first = database.write { try $0.runScript(Self.makeTraps) }
            await blocking.blocks()
            let tasks = bodies.map { body in
                Task(executorPreference: loop) { _ = try await database.write(body) }
            }
            try await loop.catchUp()
            blocking.open()
            _ = try await first
            var results: [Result<Void, any Error>] = []
            for task in tasks { results.append(await task.result) }
            try await loop.stop(database)
            return (results, try database.names())
        }
    }

    static let culprits: [(String, @Sendable (Connection) throws -> Void)] = [
        ("constraint", { try $0.insert("neighbour 1") }),
        (
            "half done",
            { connection in
                try connection.insert("half")
                try connection.insert("half")
            }
        ),
        (
            "thrown by itself",
            { connection in
                try connection.insert("thrown")
                throw SQLiteError.unreadable("whatever")
            }
        ),
        (
            "OR ROLLBACK",
            { connection in
                try connection.insert("lost")
                try connection.run("INSERT OR ROLLBACK INTO items (name) VALUES ('lost')")
            }
        ),
        ("RAISE(ROLLBACK)", { try $0.insert("raise") }),
        (
            "OR ROLLBACK, overlooked",
            { connection in
                try connection.insert("overlooked")
                _ = try? connection.run("INSERT OR ROLLBACK INTO items (name) VALUES ('overlooked')")
            }
        ),
        (
            "OR ROLLBACK, overlooked, and more written",
            { connection in
                _ = try? connection.insert("raise")
                _ = try? connection.insert("alone 1")
                _ = try? connection.insert("alone 2")
            }
        ),
        (
            "deferred reference",
            { connection in
                try connection.insert("orphan")
                try connection.run("INSERT INTO children VALUES (1)")
            }
        ),
        (
            "deferred by pragma",
            { connection in
                try connection.run("PRAGMA defer_foreign_keys = ON")
                try connection.run("INSERT INTO children VALUES (2)")
            }
        ),
        (
            "COMMIT",
            { connection in
                try connection.insert("committed")
                try connection.commit()
            }
        ),
        (
            "ROLLBACK, overlooked",
            { connection in
                try connection.insert("rolled back")
                try? connection.rollback()
                throw SQLiteError.unreadable("whatever")
            }
        ),
    ]

    @Test(arguments: culprits.indices)
    func `a write that fails, in whatever way, leaves nothing behind and its neighbours alone`(
        index: Int
    ) async throws {
        let (_, culprit) = Self.culprits[index]
        let gate = CountingGate()
        let (results, names) = try await outcomes(
            [{ try $0.insert("neighbour 1") }, culprit, { try $0.insert("neighbour 2") }],
            gate: gate
        )
        #expect(throws: Never.self) { try results[0].get() }
        let error = try #require(throws: SQLiteError.self) { try results[1].get() }
        #expect(error.message != "")
        #expect(throws: Never.self) { try results[2].get() }
        #expect(names == ["neighbour 1", "neighbour 2"])
        #expect(gate.commitCount == 1)
    }

    @Test func `one batch survives every culprit there is`() async throws {
        var bodies: [@Sendable (Connection) throws -> Void] = []
        for (number, (_, culprit)) in Self.culprits.enumerated() {
            bodies.append { try $0.insert("neighbour \(number + 1)") }
            bodies.append(culprit)
        }
        let (results, names) = try await outcomes(bodies)
        for (index, result) in results.enumerated() {
            if index.isMultiple(of: 2) {
                #expect(throws: Never.self) { try result.get() }
            } else {
                #expect(throws: SQLiteError.self, "\(Self.culprits[index / 2].0)") { try result.get() }
            }
        }
        #expect(Set(names) == Set(Self.culprits.indices.map { "neighbour \($0 + 1)" }))
    }

    @Test func `every write of a batch gets the number that the gate gave the batch`() async throws {
        let blocking = BlockingGate()
        try await withDatabase(gate: GateSequence(blocking, NumberingGate())) { database, _ in
            let loop = try await TestLoop(database)
            defer { blocking.open() }
            async let first = database.write { try $0.insert("first") }
            await blocking.blocks()
            let tasks = (1...3).map { number in
                Task(executorPreference: loop) { try await database.write { try $0.insert("\(number)") }.txid }
            }
            try await loop.catchUp()
            blocking.open()
            #expect(try await first.txid == nil)
            for task in tasks { #expect(try await task.value == 1) }
            #expect(try await database.write { try $0.insert("next") }.txid == 2)
            try await loop.stop(database)
        }
    }

    @Test func `a write sees what those before it in the batch have done`() async throws {
        let (results, _) = try await outcomes([
            { try $0.insert("a") },
            { connection in
                let count = try connection.run("UPDATE items SET name = 'b' WHERE name = 'a'")
                guard count == 1 else { throw SQLiteError.unreadable("not there") }
            },
        ])
        #expect(throws: Never.self) { for result in results { try result.get() } }
    }

    @Test func `when nothing succeeded, nothing is committed`() async throws {
        let gate = CountingGate()
        let (results, names) = try await outcomes(
            [{ _ in throw SQLiteError.unreadable("no") }, { _ in throw SQLiteError.unreadable("no") }],
            gate: gate
        )
        for result in results { #expect(throws: SQLiteError.self) { try result.get() } }
        #expect(names == [])
        #expect(gate.commitCount == 0)
    }

    @Test func `a deferred reference that a later statement of the same write mends is no failure`() async throws {
        let (results, _) = try await outcomes([
            { connection in
                try connection.run("INSERT INTO children VALUES (1)")
                try connection.run("INSERT INTO parents VALUES (1)")
            }
        ])
        #expect(throws: Never.self) { try results[0].get() }
    }

    @Test func `a refused batch fails whole and unseen, and the next one works`() async throws {
        try await withDatabase(gate: RefusingGate(refusals: 2)) { database, _ in
            for attempt in 0..<2 {
                let failure = try await #require(throws: WriteFailure.self) {
                    try await database.write { try $0.insert("a") }
                }
                guard case .notCommitted(let cause) = failure else {
                    Issue.record("attempt \(attempt): \(failure)")
                    continue
                }
                #expect(cause is RefusingGate.Refusal)
                #expect(try database.names() == [])
            }
            try await database.write { try $0.insert("a") }
            #expect(try database.names() == ["a"])
        }
    }

    @Test func `in a refused batch also those fail who had an answer of their own`() async throws {
        // Their answers may rest on a neighbour's write, which is not to be.
        let (results, names) = try await outcomes(
            [{ try $0.insert("a") }, { try $0.insert("a") }, { try $0.insert("raise") }],
            gate: RefusingGate(refusals: 1)
        )
        for result in results {
            let failure = try #require(throws: WriteFailure.self) { try result.get() }
            guard case .notCommitted = failure else {
                Issue.record("\(failure)")
                continue
            }
        }
        #expect(names == [])
    }
}
