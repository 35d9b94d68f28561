import Glibc
import SQLite
import Testing
import Threads

@Suite struct InterrupterTests {
    @Test(.timeLimit(.minutes(10)))
    func `a statement without an end is stopped from another thread, and only that connection`() throws {
        let (interrupter, other) = (Interrupter(), Interrupter())
        let connection = try Connection(":memory:", .readOnly, interrupter)
        let neighbour = try Connection(":memory:", .readOnly, other)
        other.interrupt()
        let thread = WorkerThread(named: "interrupter") {
            // What begins later is not stopped, so once is not enough where nobody knows whether it has begun.
            for _ in 0..<100 {
                interrupter.interrupt()
                usleep(10_000)
            }
        }
        thread.detach()
        #expect(throws: SQLiteError.self) {
            try connection.query("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c")
            {
                _ in
            }
        }
        #expect(interrupter.isInterrupted)
        #expect(try neighbour.first("SELECT 1") { row in row.integer(0) } == 1)
    }

    @Test func `a connection that is closed is out of reach`() throws {
        let interrupter = Interrupter()
        do { _ = try Connection(":memory:", .readOnly, interrupter) }
        interrupter.interrupt()
        #expect(interrupter.isInterrupted)
    }
}
