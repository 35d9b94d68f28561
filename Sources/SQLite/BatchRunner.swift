internal import CSQLite
internal import Threads

/// Runs a batch of writes as one transaction, each in a savepoint of its own.
///
/// Leaves no transaction open, whatever happens.
struct BatchRunner {
    let writer: Writer

    private var connection: Connection { writer.connection }

    /// After this every job has its result or its error, and what succeeded is durable.
    func run(_ batch: [WriteJob]) {
        var jobs = batch
        while !jobs.isEmpty {
            do {
                guard let culprit = try runOnce(jobs) else { return }
                // It took the transaction down and its neighbours with it: they run again without it.
                jobs.remove(at: culprit)
            } catch GateFailure.overtaken {
                // On the new state each may end differently, also those that had failed.
                jobs = batch
                do { try writer.catchUp() } catch { return refuse(batch, .notCommitted(error)) }
                jobs = expire(jobs)
            } catch GateFailure.notHere(let txid) {
                writer.rebuild()
                for job in jobs { job.passGate(txid) }
                return
            } catch GateFailure.outcomeUnknown(let cause) {
                // Those who wait may have been answered when their time was up, before anyone knew why.
                let reason = cause.map { "\($0)" } ?? "no answer in time"
                writer.report("It is not known whether \(batch.count) writes are durable: \(reason)")
                return refuse(batch, .outcomeUnknown)
            } catch {
                return refuse(batch, .notCommitted(error))
            }
        }
    }

    private func refuse(_ batch: [WriteJob], _ failure: WriteFailure) {
        // The reason to refuse is what counts; a rollback that fails too leaves the transaction to the next.
        try? connection.rollback()
        for job in batch { job.fail(failure) }
    }

    /// Takes out the jobs whose time is up: nothing of them is done, and they do not run again.
    private func expire(_ jobs: [WriteJob]) -> [WriteJob] {
        let now = MonotonicTime.now
        return jobs.filter { job in
            guard job.deadline <= now else { return true }
            job.fail(WriteFailure.expired)
            return false
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
            let txid = try writer.gate.commit(connection)
            for job in jobs { job.passGate(txid) }
        }
        return nil
    }
}
