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
    ///   - didRun: Told of each as soon as it is committed.
    /// - Returns: How many ran.
    /// - Throws: A ``SchemaError`` that names the file, or what SQLite or the gate said.
    package func run(
        only name: String? = nil,
        isForced: Bool = false,
        didRun: (String) -> Void = { _ in }
    ) throws -> Int {
        let chosen = try name.map { [try find($0)] } ?? files
        var count = 0
        for file in chosen where try run(file, isForced: isForced) {
            count += 1
            didRun(file.name)
        }
        return count
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
