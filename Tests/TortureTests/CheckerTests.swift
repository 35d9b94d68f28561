import Testing
import Torture

/// What the checker must find, and what it must let pass, by hand-made histories.
@Suite struct CheckerTests {
    private let row = HistoryBuilder.row
    private let other = HistoryBuilder.other

    private func violated(_ final: [RowID: Seen]?, _ build: (inout HistoryBuilder) -> Void) -> [Verdict.Check] {
        var builder = HistoryBuilder()
        build(&builder)
        return builder.violated(final)
    }

    // MARK: What is fine

    @Test func `a history in which everything was kept passes`() {
        let checks = violated([row: .value(2)]) {
            $0.create(1, 1...2, txid: 1)
            $0.read(.value(1), 3...4)
            $0.change(2, 5...6, txid: 2)
            $0.read(.value(2), 7...8, life: 2)
            $0.create(3, 9...10, row: HistoryBuilder.other, txid: 3)
            $0.add(
                Operation(.delete(HistoryBuilder.other), serial: 4, life: 1, invoked: 11, completed: 12, .acknowledged)
            )
        }
        #expect(checks == [])
    }

    @Test(arguments: [nil, 1, 2])
    func `an ambiguous write may be there or not`(final: Int?) {
        let checks = violated([row: .value(final ?? 1)]) {
            $0.create(1, 1...2)
            $0.change(2, 3...4, .ambiguous)
        }
        #expect(checks == [])
        let creates = violated(final == nil ? [:] : [row: .value(1)]) { $0.create(1, 1...2, .ambiguous) }
        #expect(creates == [])
    }

    @Test(arguments: [2, 3])
    func `of two changes at the same time either may be the last`(final: Int) {
        let checks = violated([row: .value(final)]) {
            $0.create(1, 1...2)
            $0.change(2, 3...6)
            $0.change(3, 4...5)
        }
        #expect(checks == [])
    }

    @Test func `an ambiguous change may land after a later one`() {
        let checks = violated([row: .value(2)]) {
            $0.create(1, 1...2)
            $0.change(2, 3...4, .ambiguous)
            $0.change(3, 5...6)
        }
        #expect(checks == [])
    }

    @Test func `an instance that only reads may be behind`() {
        let checks = violated([row: .value(2)]) {
            $0.create(1, 1...2)
            $0.change(2, 3...4)
            $0.read(.absent, 5...6, life: 2)
            $0.read(.value(1), 7...8, life: 2)
            $0.read(.value(2), 9...10, life: 2)
        }
        #expect(checks == [])
    }

    @Test(arguments: [true, false])
    func `an ambiguous delete may have deleted`(isThere: Bool) {
        let checks = violated(isThere ? [row: .value(1)] : [:]) {
            $0.create(1, 1...2)
            $0.delete(2, 3...4, .ambiguous)
        }
        #expect(checks == [])
    }

    @Test func `a retry under one key that is answered twice with one row passes`() {
        let checks = violated([row: .value(1)]) {
            $0.create(1, 1...2, .ambiguous)
            $0.create(1, 3...4)
            $0.create(1, 5...6, life: 2)
        }
        #expect(checks == [])
    }

    // MARK: What is lost

    @Test func `a lost row is found`() {
        #expect(violated([:]) { $0.create(1, 1...2) } == [.kept])
    }

    @Test func `a lost row whose answer was cut off is found`() {
        let build: (inout HistoryBuilder) -> Void = { $0.create(1, 1...2, row: nil) }
        #expect(violated([:], build) == [.kept])
        #expect(violated([row: .value(1)], build) == [])
    }

    @Test func `a lost change is found`() {
        let checks = violated([row: .value(1)]) {
            $0.create(1, 1...2)
            $0.change(2, 3...4)
        }
        #expect(checks == [.kept])
    }

    @Test func `a change that was undone by an older one is found`() {
        let checks = violated([row: .value(2)]) {
            $0.create(1, 1...2)
            $0.change(2, 3...4)
            $0.change(3, 5...6)
        }
        #expect(checks == [.kept])
    }

    @Test func `a deleted row that is back is found`() {
        let checks = violated([row: .value(1)]) {
            $0.create(1, 1...2)
            $0.delete(2, 3...4)
        }
        #expect(checks == [.kept])
    }

    @Test func `a change that was acknowledged behind a deletion is found`() {
        let checks = violated([:]) {
            $0.create(1, 1...2)
            $0.delete(2, 3...4)
            $0.change(3, 5...6)
        }
        #expect(checks == [.order])
    }

    @Test func `a deletion that found an older value than there was is found`() {
        let checks = violated([:]) {
            $0.create(1, 1...2)
            $0.change(2, 3...4)
            $0.delete(3, 5...6, life: 2, found: .value(1))
        }
        #expect(checks == [.order])
    }

    @Test func `a row that was deleted twice is found`() {
        let checks = violated([:]) {
            $0.create(1, 1...2)
            $0.delete(2, 3...8)
            $0.delete(3, 4...7, life: 2)
        }
        #expect(checks == [.order])
    }

    // MARK: What was seen and vanished

    @Test func `an ambiguous row that was read and is not there is found`() {
        let checks = violated([:]) {
            $0.create(1, 1...2, .ambiguous)
            $0.read(.value(1), 3...4)
        }
        #expect(checks == [.order])
    }

    @Test func `an ambiguous change that was read and vanished is found`() {
        let checks = violated([row: .value(1)]) {
            $0.create(1, 1...2)
            $0.change(2, 3...4, .ambiguous)
            $0.read(.value(2), 5...6)
        }
        #expect(checks == [.order])
    }

    @Test func `a process that shows an older value than before is found`() {
        let checks = violated([row: .value(2)]) {
            $0.create(1, 1...2)
            $0.change(2, 3...4)
            $0.read(.value(2), 5...6, life: 2)
            $0.read(.value(1), 7...8, life: 2)
        }
        #expect(checks == [.order])
    }

    @Test func `a process that does not show its own write is found`() {
        let stale: (Int) -> [Verdict.Check] = { life in
            self.violated([self.row: .value(2)]) {
                $0.create(1, 1...2)
                $0.change(2, 3...4, life: 1)
                $0.read(.value(1), 5...6, life: life)
            }
        }
        #expect(stale(1) == [.order])
        #expect(stale(2) == [])
    }

    @Test func `a process that started later and lacks a write is found`() {
        for seen in [Seen.absent, .value(1)] {
            let checks = violated([row: .value(2)]) {
                $0.lives.append(Life(number: 3, started: 5))
                $0.create(1, 1...2)
                $0.change(2, 3...4)
                $0.read(seen, 6...7, life: 3)
            }
            #expect(checks == [.order], "\(seen)")
        }
    }

    @Test func `a read that names a receipt and does not get it is found`() {
        for seen in [Seen.absent, .value(1)] {
            let checks = violated([row: .value(2)]) {
                $0.create(1, 1...2, txid: 7)
                $0.change(2, 3...4, txid: 8)
                $0.read(seen, 5...6, life: 2, txidMin: 8)
            }
            #expect(checks == [.order], "\(seen)")
        }
    }

    @Test func `a row that was gone and came back is found, whoever deleted it`() {
        let checks = violated([row: .value(1)]) {
            $0.create(1, 1...2)
            $0.delete(2, 3...4, .ambiguous)
            $0.read(.absent, 5...6)
        }
        #expect(checks == [.order])
    }

    @Test func `a deleted row that its own process shows is found`() {
        let checks = violated([:]) {
            $0.create(1, 1...2)
            $0.delete(2, 3...4)
            $0.read(.value(1), 5...6)
        }
        #expect(checks == [.order])
    }

    @Test func `without a final state, what clients saw is checked all the same`() {
        let checks = violated(nil) {
            $0.create(1, 1...2)
            $0.read(.absent, 3...4)
        }
        #expect(checks == [.order])
        #expect(violated(nil) { $0.create(1, 1...2) } == [])
    }

    // MARK: What should not be there

    @Test func `a refused write that is there is found`() {
        #expect(violated([row: .value(1)]) { $0.create(1, 1...2, .refused) } == [.refused])
        let changes = violated([row: .value(2)]) {
            $0.create(1, 1...2)
            $0.change(2, 3...4, .refused)
        }
        #expect(changes.contains(.refused))
    }

    @Test func `a refused write that was only read is found`() {
        let checks = violated([row: .value(1)]) {
            $0.create(1, 1...2)
            $0.change(2, 3...4, .refused)
            $0.read(.value(2), 4...5)
        }
        #expect(checks.contains(.refused))
    }

    @Test func `half a write is found, wherever it is seen`() {
        #expect(violated([row: .torn("half")]) { $0.create(1, 1...2) } == [.whole])
        let reads = violated([row: .value(1)]) {
            $0.create(1, 1...2)
            $0.read(.torn("half"), 3...4)
        }
        #expect(reads == [.whole])
    }

    @Test func `a row that nobody wrote is found`() {
        #expect(violated([row: .value(9)]) { _ in } == [.known])
    }

    @Test func `a change that is in another row is found`() {
        let checks = violated([row: .value(1), other: .value(3)]) {
            $0.create(1, 1...2)
            $0.create(2, 3...4, row: HistoryBuilder.other)
            $0.change(3, 5...6, .ambiguous)
        }
        #expect(checks.contains(.known))
    }

    @Test func `a write that is there twice is found`() {
        let checks = violated([row: .value(1), other: .value(1)]) { $0.create(1, 1...2) }
        #expect(checks == [.kept])
    }

    @Test func `a retry that made a second row is found`() {
        let checks = violated([row: .value(1), other: .value(1)]) {
            $0.create(1, 1...2)
            $0.create(1, 3...4, row: HistoryBuilder.other)
        }
        #expect(checks == [.retries])
    }

    // MARK: Ids and receipts

    @Test func `an id that was given twice is found, also when the first row is deleted by then`() {
        let checks = violated([row: .value(3)]) {
            $0.create(1, 1...2)
            $0.delete(2, 3...4)
            $0.create(3, 5...6)
        }
        #expect(checks.contains(.ids))
    }

    @Test func `a transaction that two processes acknowledged is found`() {
        let checks = violated([row: .value(1), other: .value(2)]) {
            $0.create(1, 1...3, life: 1, txid: 5)
            $0.create(2, 2...4, life: 2, row: HistoryBuilder.other, txid: 5)
        }
        #expect(checks == [.receipts])
    }

    @Test func `a transaction that goes back is found`() {
        let checks = violated([row: .value(1), other: .value(2)]) {
            $0.create(1, 1...2, life: 1, txid: 6)
            $0.create(2, 3...4, life: 2, row: HistoryBuilder.other, txid: 5)
        }
        #expect(checks == [.receipts])
    }

    @Test func `writes of one batch share a transaction`() {
        let checks = violated([row: .value(1), other: .value(2)]) {
            $0.create(1, 1...4, txid: 5)
            $0.create(2, 2...3, row: HistoryBuilder.other, txid: 5)
        }
        #expect(checks == [])
    }

    @Test func `an answer without a reason is found`() {
        let checks = violated([:]) {
            $0.add(
                Operation(
                    .create(.task),
                    serial: 1,
                    life: 1,
                    invoked: 1,
                    completed: 2,
                    .ambiguous,
                    surprise: "500 internal"
                )
            )
        }
        #expect(checks == [.answers])
    }
}
