package import SQLite

/// Puts the rows of the seed files into a database, each file once.
package struct Seeder {
    private let connection: Connection
    private let gate: any CommitGate
    private let files: [SQLFile]

    package init(_ connection: Connection, gate: any CommitGate, files: [SQLFile]) {
        self.connection = connection
        self.gate = gate
        self.files = files
    }

    /// All seeds and when they ran; nil for those that have not.
    package func list() throws -> [(name: String, applied: String?)] {
        var applied: [String: String] = [:]
        if try connection.hasTable("schema_seeds") {
            try connection.query("SELECT name, applied FROM schema_seeds") { row in
                applied[row.text(0)] = row.text(1)
            }
        }
        return files.map { ($0.name, applied[$0.name]) }
    }

    /// Runs the seeds that have not run yet; one transaction for each, together with its record.
    ///
    /// - Parameters:
    ///   - name: Only this one.
    ///   - isForced: Also those that have run.
    ///   - progress: Where it goes on after the gate threw; by then the connection must have what is durable.
    ///   - didRun: Told of each as soon as it is durable.
    /// - Returns: How many ran, with this `progress`.
    /// - Throws: A ``SchemaError`` that names the file, or what SQLite or the gate said.
    package func run(
        only name: String? = nil,
        isForced: Bool = false,
        resuming progress: RunProgress = RunProgress(),
        didRun: (String) -> Void = { _ in }
    ) throws -> Int {
        let remaining = try progress.remaining { try (name.map { [try find($0)] } ?? files).map(\.name) }
        func finish(_ name: String) {
            progress.finish(name)
            didRun(name)
        }
        for file in files where remaining.contains(file.name) {
            do {
                if try run(file, isForced: isForced) { finish(file.name) }
            } catch let failure as GateFailure {
                if case .notHere = failure { finish(file.name) }
                throw failure
            }
        }
        return progress.doneCount
    }

    private func run(_ file: SQLFile, isForced: Bool) throws -> Bool {
        try connection.begin()
        do {
            try connection.run(
                """
                CREATE TABLE IF NOT EXISTS schema_seeds (
                    name TEXT PRIMARY KEY,
                    applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
                ) STRICT
                """
            )
            let isNew =
                try connection.run("INSERT OR IGNORE INTO schema_seeds (name) VALUES (?1)", .text(file.name)) == 1
            guard isNew || isForced else {
                try connection.rollback()
                return false
            }
            try connection.runFile(file)
            _ = try gate.commit(connection)
            return true
        } catch {
            // What went wrong is what its reader must know; the connection is not used after a failure.
            try? connection.rollback()
            throw error
        }
    }

    private func find(_ name: String) throws(SchemaError) -> SQLFile {
        let bare = name.hasSuffix(".sql") ? String(name.dropLast(4)) : name
        guard let file = files.first(where: { $0.name == bare }) else { throw .unknown("seed named \(bare)") }
        return file
    }

    /// What `seed make` writes.
    package static let template = """
        -- Runs once. Rows that may exist already: INSERT ... ON CONFLICT DO NOTHING.

        """
}
