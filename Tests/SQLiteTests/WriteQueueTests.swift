@testable import SQLite
import TestSupport
import Testing

private final class Write: QueuedWrite {
    let number: Int
    let deadline: Int
    let byteCount: Int

    init(_ number: Int, deadline: Int = 100, byteCount: Int = 0) {
        (self.number, self.deadline, self.byteCount) = (number, deadline, byteCount)
    }
}

@Suite struct WriteQueueTests {
    private static let limits = WriteQueue<Write>.Limits(
        waitingCountMax: 4,
        waitingBytesMax: 100,
        batchCountMax: 3,
        batchBytesMax: 50
    )

    private static func queue(_ writes: Write...) -> WriteQueue<Write> {
        var queue = WriteQueue<Write>(limits: limits)
        for write in writes { _ = queue.add(write) }
        return queue
    }

    @Test(
        arguments: [
            // bytes waiting, bytes added, fits
            ([0, 0, 0], 0, true), ([0, 0, 0, 0], 0, false),
            ([], 100, true), ([], 101, false), ([60], 40, true), ([60], 41, false), ([60], Int.max, false),
            ([100], 0, true),
        ]
    )
    func `a write is taken while there is room for one more and for its bytes`(
        waiting: [Int],
        added: Int,
        fits: Bool
    ) {
        var queue = WriteQueue<Write>(limits: Self.limits)
        for byteCount in waiting { #expect(queue.add(Write(0, byteCount: byteCount)) != .full) }
        #expect((queue.add(Write(1, byteCount: added)) != .full) == fits)
    }

    @Test func `a batch waits for as many as were answered, and no longer than it was told`() {
        var queue = Self.queue(Write(1), Write(2))
        #expect(queue.takeBatch(at: 0).count == 2)
        #expect(queue.add(Write(3)) == .admitted(wakesWriter: false))
        queue.gather(queue.finishBatch().count, until: 50)
        #expect(queue.gatheringEnd == 50)
        #expect(queue.takeBatch(at: 10).isEmpty)
        #expect(queue.add(Write(4)) == .admitted(wakesWriter: false))
        #expect(queue.takeBatch(at: 49).isEmpty)
        #expect(queue.add(Write(5)) == .admitted(wakesWriter: true))
        #expect(queue.takeBatch(at: 49).map(\.number) == [3, 4, 5])
        #expect(queue.gatheringEnd == nil)
        queue.gather(queue.finishBatch().count, until: 100)
        _ = queue.add(Write(6))
        #expect(queue.takeBatch(at: 99).isEmpty)
        #expect(queue.takeBatch(at: 100).map(\.number) == [6])
    }

    @Test func `a write without company waits for nobody, and nobody waits for what never comes`() {
        var queue = Self.queue(Write(1))
        #expect(queue.takeBatch(at: 0).count == 1)
        queue.gather(queue.finishBatch().count, until: 50)
        #expect(queue.gatheringEnd == nil)
        #expect(queue.add(Write(2)) == .admitted(wakesWriter: true))
        #expect(queue.takeBatch(at: 1).count == 1)
        _ = queue.add(Write(3))
        queue.gather(queue.finishBatch().count, until: 50)
        #expect(queue.takeBatch(at: 50).count == 1)
        _ = queue.finishBatch()
        #expect(queue.takeBatch(at: 51).isEmpty)
        #expect(queue.add(Write(4)) == .admitted(wakesWriter: true))
    }

    @Test func `a full batch and a closed queue end the waiting`() {
        var queue = Self.queue(Write(1), Write(2))
        _ = queue.takeBatch(at: 0)
        queue.gather(queue.finishBatch().count, until: 50)
        #expect(queue.add(Write(3, byteCount: 50)) == .admitted(wakesWriter: true))
        #expect(queue.takeBatch(at: 1).count == 1)
        _ = queue.add(Write(4))
        queue.gather(queue.finishBatch().count, until: 50)
        #expect(queue.takeBatch(at: 1).isEmpty)
        queue.close()
        #expect(queue.takeBatch(at: 1).count == 1)
    }

    @Test(
        arguments: [
            ([], []), ([0], [1]), ([0, 0, 0], [3]), ([0, 0, 0, 0], [3, 1]), ([25, 25, 1], [2, 1]),
            ([51, 0], [1, 1]), ([100], [1]), ([0, 51, 49], [1, 1, 1]), ([50, 0, 0], [3]),
        ]
    )
    func `a batch takes what fits, and at least one`(byteCounts: [Int], batchSizes: [Int]) {
        var queue = WriteQueue<Write>(limits: Self.limits)
        for (number, byteCount) in byteCounts.enumerated() { _ = queue.add(Write(number, byteCount: byteCount)) }
        var sizes: [Int] = []
        var order: [Int] = []
        while case let batch = queue.takeBatch(at: 0), !batch.isEmpty {
            sizes.append(batch.count)
            order += batch.map(\.number)
            #expect(queue.finishBatch().map(\.number) == batch.map(\.number))
        }
        #expect(sizes == batchSizes)
        #expect(order == Array(byteCounts.indices))
    }

    @Test func `only the first write that comes while nothing is written wakes the writer`() {
        var queue = Self.queue()
        #expect(queue.add(Write(0)) == .admitted(wakesWriter: true))
        #expect(queue.add(Write(1)) == .admitted(wakesWriter: false))
        _ = queue.takeBatch(at: 0)
        #expect(queue.add(Write(2)) == .admitted(wakesWriter: false))
        _ = queue.finishBatch()
        _ = queue.takeBatch(at: 0)
        _ = queue.finishBatch()
        #expect(queue.add(Write(3)) == .admitted(wakesWriter: true))
    }

    @Test func `after the only one that waited has expired, the next wakes the writer`() {
        var queue = Self.queue(Write(0, deadline: 1))
        #expect(queue.takeExpired(at: 1).waiting.count == 1)
        #expect(queue.add(Write(1, deadline: 2)) == .admitted(wakesWriter: true))
    }

    @Test func `expired writes are told apart by whether they had begun`() {
        var queue = Self.queue(Write(0, deadline: 10), Write(1, deadline: 11), Write(2, deadline: 12))
        #expect(queue.nextDeadline == 10)
        _ = queue.takeBatch(at: 0)
        _ = queue.add(Write(3, deadline: 12))
        _ = queue.add(Write(4, deadline: 13))
        #expect(queue.nextDeadline == 10)

        #expect(queue.takeExpired(at: 9).inBatch.isEmpty)
        let expired = queue.takeExpired(at: 12)
        #expect(expired.inBatch.map(\.number) == [0, 1, 2])
        #expect(expired.waiting.map(\.number) == [3])
        #expect(queue.nextDeadline == 13)
        #expect(queue.finishBatch().isEmpty)
        #expect(queue.takeBatch(at: 0).map(\.number) == [4])
        #expect(queue.takeExpired(at: 12).inBatch.isEmpty)
        #expect(queue.finishBatch().map(\.number) == [4])
        #expect(queue.nextDeadline == nil)
    }

    @Test func `a closed queue takes nothing more and gives what it has`() {
        var queue = Self.queue(Write(0))
        queue.close()
        #expect(queue.add(Write(1)) == .closed)
        #expect(queue.takeBatch(at: 0).map(\.number) == [0])
        #expect(queue.finishBatch().map(\.number) == [0])
    }

    @Test func `a write that has left holds no memory, however many still wait`() {
        var queue = WriteQueue<Write>(limits: .init(batchCountMax: 1))
        weak var first: Write?
        do {
            let write = Write(0)
            first = write
            _ = queue.add(write)
        }
        for number in 1...100 { _ = queue.add(Write(number)) }
        #expect(first != nil)
        _ = queue.takeBatch(at: 0)
        _ = queue.finishBatch()
        #expect(first == nil)
        #expect(queue.waitingCount == 100)
    }

    /// What the queue must do, kept in the simplest form.
    private struct Model {
        var waiting: [Write] = []
        var batch: [Write] = []
        var isClosed = false
        var answered: [Int: Int] = [:]
        var waitingBytes: Int { waiting.reduce(0) { $0 + $1.byteCount } }

        mutating func answer(_ writes: [Write]) { for write in writes { answered[write.number, default: 0] += 1 } }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `whatever happens in whatever order, every admitted write is handed back exactly once`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = WriteQueue<Write>(limits: Self.limits)
        var model = Model()
        var now = 0
        var admitted: [Int] = []
        var isWriting = false
        for number in 0..<2000 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<50:
                let write = Write(number, deadline: now + 20, byteCount: Int.random(in: 0...60, using: &random))
                let expected: Bool = model.waiting.count < 4 && model.waitingBytes + write.byteCount <= 100
                switch queue.add(write) {
                case .admitted(let wakesWriter):
                    #expect(expected && !model.isClosed)
                    #expect(wakesWriter == (!isWriting && model.waiting.isEmpty))
                    model.waiting.append(write)
                    admitted.append(number)
                case .full: #expect(!expected && !model.isClosed)
                case .closed: #expect(model.isClosed)
                }
            case 50..<70 where !isWriting:
                let batch = queue.takeBatch(at: 0)
                #expect(batch.map(\.number) == model.waiting.prefix(batch.count).map(\.number))
                #expect(batch.isEmpty == model.waiting.isEmpty)
                #expect(batch.count <= 3 && (batch.count == 1 || batch.reduce(0) { $0 + $1.byteCount } <= 50))
                model.waiting.removeFirst(batch.count)
                (model.batch, isWriting) = (batch, !batch.isEmpty)
            case 50..<80 where isWriting:
                let finished = queue.finishBatch()
                #expect(finished.map(\.number) == model.batch.map(\.number))
                model.answer(finished)
                (model.batch, isWriting) = ([], false)
            case 80..<99:
                now += Int.random(in: 0...8, using: &random)
                let (waiting, inBatch) = queue.takeExpired(at: now)
                #expect(waiting.map(\.number) == model.waiting.filter { $0.deadline <= now }.map(\.number))
                #expect(inBatch.map(\.number) == model.batch.filter { $0.deadline <= now }.map(\.number))
                model.answer(waiting + inBatch)
                model.waiting.removeAll { $0.deadline <= now }
                model.batch.removeAll { $0.deadline <= now }
            case 99 where number > 1500:
                queue.close()
                model.isClosed = true
            default: break
            }
            #expect(queue.nextDeadline == (model.waiting + model.batch).map(\.deadline).min())
            #expect(queue.waitingCount == model.waiting.count)
        }
        while true {
            if isWriting { model.answer(queue.finishBatch()) }
            let batch = queue.takeBatch(at: 0)
            isWriting = !batch.isEmpty
            guard isWriting else { break }
        }
        #expect(admitted.count > 300)
        #expect(model.answered == Dictionary(uniqueKeysWithValues: admitted.map { ($0, 1) }))
    }
}
