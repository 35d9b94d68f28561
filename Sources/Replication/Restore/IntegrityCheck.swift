internal import Files
internal import SQLite

/// How thoroughly SQLite looks at a restored database.
package enum IntegrityCheck: String, Sendable, CaseIterable {
    case none, quick, full

    /// What SQLite has to say against the database, which nobody else has open; nothing if its task is cancelled.
    func problems(of path: String, on queue: BlockingQueue) async -> [String] {
        guard self != .none else { return [] }
        let interrupter = Interrupter()
        let problems = await withTaskCancellationHandler {
            await queue.run { look(at: path, interrupter) }
        } onCancel: {
            interrupter.interrupt()
        }
        return Task.isCancelled ? [] : problems
    }

    private func look(at path: String, _ interrupter: Interrupter) -> [String] {
        var problems: [String] = []
        do throws(SQLiteError) {
            let connection = try Connection(path, .immutable, interrupter)
            guard !interrupter.isInterrupted else { return [] }
            try connection.query(self == .full ? "PRAGMA integrity_check" : "PRAGMA quick_check") { row in
                problems.append(row.text(0))
            }
        } catch { problems.append("\(error)") }
        return problems == ["ok"] ? [] : problems
    }
}
