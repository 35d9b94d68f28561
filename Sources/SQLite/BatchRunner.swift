internal import CSQLite

/// Runs a batch of writes as one transaction, each in a savepoint of its own.
///
/// Leaves no transaction open, whatever happens.
struct BatchRunner {
    let connection: Connection
    let gate: any CommitGate

    /// After this every job has its result or its error, and what succeeded is durable.
    func run(_ batch: [WriteJob]) {
        var jobs = batch
        while !jobs.isEmpty {
            do {
                guard let culprit = try runOnce(jobs) else { return }
                // It took the transaction down and its neighbours with it: they run again without it.
                jobs.remove(at: culprit)
            } catch {
                // The reason to refuse is what counts; a rollback that fails too leaves the transaction to the next.
                try? connection.rollback()
                for job in batch { job.fail(WriteFailure.notCommitted(error)) }
                return
            }
        }
    }

    /// - Returns: The index of a job that ended the transaction from within, if one did.
    private func runOnce(_ jobs: [WriteJob]) throws -> Int? {
        // A transaction left over by a rollback that failed must not take this batch in.
        try connection.rollback()
        try connection.begin()
        for (index, job) in jobs.enumerated() {
            try connection.run("SAVEPOINT job")
            job.run(on: connection)
            guard connection.isInTransaction else { return index }
            if job.error != nil { try connection.run("ROLLBACK TO job") }
            try connection.run("RELEASE job")
        }
        if jobs.allSatisfy({ $0.error != nil }) {
            try connection.rollback()
        } else {
            let txid = try gate.commit(connection)
            for job in jobs { job.passGate(txid) }
        }
        return nil
    }
}
