/// A migration that a database says was applied to it.
package struct AppliedMigration: Sendable, Equatable {
    package let name: String
    /// The SQL that ran, to tell whether the file is still the same.
    let up: String
    /// UTC, as SQLite writes it.
    package let applied: String
}

/// What the files and the database together say is to be done.
///
/// Decides and does nothing.
package struct MigrationPlan: Sendable {
    package let applied: [AppliedMigration]
    package let pending: [Migration]
    private let migrations: [Migration]

    /// Compares the two, and refuses to go on where they contradict each other.
    ///
    /// - Parameters:
    ///   - migrations: In the order of their names.
    ///   - applied: Likewise.
    /// - Throws: Which migration contradicts, and how.
    package init(_ migrations: [Migration], applied: [AppliedMigration]) throws(SchemaError) {
        let known = Set(applied.map(\.name))
        for record in applied {
            guard let file = migrations.first(where: { $0.name == record.name }) else {
                guard let last = migrations.last, record.name < last.name else { throw .databaseIsNewer(record.name) }
                throw .vanished(record.name)
            }
            guard file.up.contents == record.up else { throw .changed(record.name) }
        }
        pending = migrations.filter { !known.contains($0.name) }
        if let first = pending.first, let last = applied.last, first.name < last.name {
            throw .outOfOrder(name: first.name, appliedAfter: last.name)
        }
        self.applied = applied
        self.migrations = migrations
    }

    /// Picks what goes up: the next one or, with a name, all up to and including that one.
    package func up(to name: String?) throws(SchemaError) -> [Migration] {
        guard let name else { return Array(pending.prefix(1)) }
        let wanted = try find(name)
        return pending.filter { $0.name <= wanted.name }
    }

    /// Picks what goes down, the newest first: the last one or, with a name, all that came after that one.
    package func down(to name: String?) throws(SchemaError) -> [Migration] {
        let wanted = try name.map { name throws(SchemaError) in try find(name).name }
        var result: [Migration] = []
        for record in applied.reversed() {
            if let wanted, record.name <= wanted { break }
            result.append(try find(record.name))
            if wanted == nil { break }
        }
        return result
    }

    /// Everything that is applied, the newest first.
    package func rollback() throws(SchemaError) -> [Migration] {
        try applied.reversed().map { record throws(SchemaError) in try find(record.name) }
    }

    private func find(_ name: String) throws(SchemaError) -> Migration {
        let bare = name.hasSuffix(".sql") ? String(name.dropLast(4)) : name
        guard let migration = migrations.first(where: { $0.name == bare }) else {
            throw .unknown("migration named \(bare)")
        }
        return migration
    }
}
