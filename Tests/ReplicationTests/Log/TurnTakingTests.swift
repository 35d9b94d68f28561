import Testing

@testable import Replication

@Suite struct TurnTakingTests {
    private static let theirs = TurnRequest(writerID: 2, number: 7)

    /// A writer whose commits take 40 ms, one right after the other, for so long; when it looked for requests.
    private func looks(_ rules: inout TurnTaking, from start: Duration = .zero, for time: Duration) -> [Duration] {
        var (now, looks) = (start, [Duration]())
        while now < start + time {
            if rules.begin(at: now) { looks.append(now) }
            now += .milliseconds(40)
            _ = rules.end(.committed, at: now)
            now += .milliseconds(10)
        }
        return looks
    }

    @Test func `who leaves no room looks for requests once a second, from the second one on`() {
        var rules = TurnTaking(writerID: 1)
        let found = looks(&rules, for: .milliseconds(3100))
        #expect(found == [.seconds(1), .seconds(2), .seconds(3)])
    }

    @Test func `who leaves room now and then never looks`() {
        var rules = TurnTaking(writerID: 1)
        var start = Duration.zero
        for _ in 0..<20 {
            let found = looks(&rules, from: start, for: .milliseconds(900))
            #expect(found == [])
            start += .milliseconds(900 + 220)
        }
    }

    @Test func `a request of another writer is answered by one pause, which is a few commits long`() {
        var rules = TurnTaking(writerID: 1)
        _ = looks(&rules, for: .seconds(2))
        var pauses = [rules.takePause()]
        var answered = [rules.found(Self.theirs, age: .seconds(1))]
        pauses += [rules.takePause(), rules.takePause()]
        // Seen again, it is answered already; the next one is not.
        for number in [7, 8, 8] as [UInt64] {
            answered.append(rules.found(TurnRequest(writerID: 2, number: number), age: .seconds(1)))
            pauses.append(rules.takePause())
        }
        #expect(answered == [true, false, true, false])
        let pause = Duration.milliseconds(4 * 40 + 50)
        #expect(pauses == [nil, pause, nil, nil, pause, nil])
    }

    @Test func `neither the own request nor an old one is answered`() {
        var rules = TurnTaking(writerID: 1)
        let answered = [
            rules.found(TurnRequest(writerID: 1, number: 7), age: .zero),
            rules.found(Self.theirs, age: .seconds(6)),
        ]
        let pause = rules.takePause()
        #expect(answered == [false, false] && pause == nil)
    }

    @Test func `no pause is longer than a second, however slow the store is`() {
        var rules = TurnTaking(writerID: 1)
        _ = rules.begin(at: .zero)
        _ = rules.end(.committed, at: .seconds(9))
        _ = rules.found(Self.theirs, age: .zero)
        let pause = rules.takePause()
        #expect(pause == .seconds(1))
    }

    @Test func `a turn is asked for after three races lost in a row, and then once a second`() {
        var rules = TurnTaking(writerID: 1)
        var now = Duration.zero
        func lose() -> Bool {
            _ = rules.begin(at: now)
            now += .milliseconds(100)
            return rules.end(.lost, at: now)
        }
        var asked = [lose(), lose()]
        _ = rules.end(.committed, at: now)
        for _ in 0..<3 { asked.append(lose()) }
        // An outcome that nobody knows is no win.
        _ = rules.end(.neither, at: now)
        for _ in 0..<10 { asked.append(lose()) }
        #expect(asked.indices.filter { asked[$0] } == [4, 14])
    }

    @Test(arguments: ["", "turn", "turn 1", "turn 1 2 3", "turn 1 g", "turn -1 2", "mine 1 2", " turn 1 2"])
    func `anything but a request is none`(text: String) {
        #expect(TurnRequest(Array(text.utf8)) == nil)
    }

    @Test func `a request says who asks, and which one it is`() {
        for request in [Self.theirs, TurnRequest(writerID: .max, number: .max)] {
            #expect(TurnRequest(request.bytes) == request)
            #expect(request.bytes.count <= TurnRequest.bytesMax)
        }
    }

    // MARK: Several writers that never rest

    @Test(arguments: [2, 3, 4])
    func `writers that never rest all get their share`(writerCount: Int) {
        for seed in 0..<20 as Range<UInt64> {
            var race = TurnRace(writerCount: writerCount, seed: seed)
            race.run(for: .seconds(60))
            let fair = race.commits.reduce(0, +) / writerCount
            #expect(race.commits.allSatisfy { $0 > fair / 3 }, "seed \(seed): \(race.commits)")
        }
    }

    @Test func `of two writers that never rest, none waits for long`() {
        for seed in 0..<50 as Range<UInt64> {
            var race = TurnRace(writerCount: 2, seed: seed)
            race.run(for: .seconds(60))
            #expect(race.longestWait < .seconds(5), "seed \(seed): \(race.longestWait)")
        }
    }

    @Test func `without turns, one of them gets nearly all`() {
        var race = TurnRace(writerCount: 2, seed: 1, takesTurns: false)
        race.run(for: .seconds(60))
        #expect((race.commits.min() ?? 0) * 10 < race.commits.reduce(0, +))
    }

    @Test func `together they get most of what one alone would`() {
        var alone = TurnRace(writerCount: 1, seed: 1)
        alone.run(for: .seconds(60))
        var race = TurnRace(writerCount: 2, seed: 1)
        race.run(for: .seconds(60))
        #expect(race.commits.reduce(0, +) > alone.commits[0] * 3 / 4)
        // A writer alone pays with one small request a second, and never pauses.
        #expect((55...60).contains(alone.lookCount) && alone.pauseCount == 0)
    }
}

/// Writers that always have the next transaction ready, and a store that takes 20 to 60 ms for each request.
///
/// A file is there from the middle of its request on. Time is simulated.
struct TurnRace {
    private enum Step: Equatable {
        case begin
        case arriveAtStore
        case hear(won: Bool)
        /// Read what won the race, and what follows.
        case read
        case apply
    }

    private struct Writer {
        var rules: TurnTaking
        var known = 0
        var target = 0
        var seen = 0
        var time = Duration.zero
        var step = Step.begin
        var committedAt = Duration.zero
        var answeredAt = Duration.zero
    }

    private var writers: [Writer]
    private var newest = 0
    private var request: (TurnRequest, at: Duration)?
    private var errands: [(time: Duration, writer: Int, asks: Bool)] = []
    private var random: SplitMix
    private var nextNumber: UInt64 = 0
    private let takesTurns: Bool
    private(set) var commits: [Int]
    private(set) var longestWait = Duration.zero
    private(set) var lookCount = 0
    private(set) var pauseCount = 0

    init(writerCount: Int, seed: UInt64, takesTurns: Bool = true) {
        random = SplitMix(state: seed)
        self.takesTurns = takesTurns
        writers = (1...writerCount).map { Writer(rules: TurnTaking(writerID: UInt64($0))) }
        commits = Array(repeating: 0, count: writerCount)
        for index in writers.indices { writers[index].time = .milliseconds(random.below(100)) }
    }

    mutating func run(for limit: Duration) {
        while let index = writers.indices.min(by: { writers[$0].time < writers[$1].time }) {
            let now = writers[index].time
            guard now < limit else { break }
            runErrands(until: now)
            advance(index, at: now)
        }
        for writer in writers { longestWait = max(longestWait, limit - writer.committedAt) }
    }

    private mutating func latency() -> Duration { .milliseconds(20 + random.below(41)) }

    private mutating func runErrands(until now: Duration) {
        for errand in errands where errand.time <= now {
            if errand.asks {
                nextNumber += 1
                request = (TurnRequest(writerID: UInt64(errand.writer + 1), number: nextNumber), errand.time)
            } else if let (found, at) = request {
                _ = writers[errand.writer].rules.found(found, age: errand.time - at)
            }
        }
        errands.removeAll { $0.time <= now }
    }

    private mutating func advance(_ index: Int, at now: Duration) {
        switch writers[index].step {
        case .begin:
            if takesTurns, let pause = writers[index].rules.takePause() {
                pauseCount += 1
                writers[index].time += pause
                return
            }
            if writers[index].rules.begin(at: now), takesTurns {
                lookCount += 1
                errands.append((now + latency(), index, asks: false))
            }
            writers[index].target = writers[index].known + 1
            let latency = latency()
            writers[index].answeredAt = now + latency
            (writers[index].step, writers[index].time) = (.arriveAtStore, now + latency / 2)
        case .arriveAtStore:
            let won = newest < writers[index].target
            if won { newest = writers[index].target }
            (writers[index].step, writers[index].time) = (.hear(won: won), writers[index].answeredAt)
        case .hear(true):
            _ = writers[index].rules.end(.committed, at: now)
            longestWait = max(longestWait, now - writers[index].committedAt)
            (writers[index].known, writers[index].committedAt) = (writers[index].target, now)
            commits[index] += 1
            // What comes next was ready, or is in a moment.
            (writers[index].step, writers[index].time) = (.begin, now + .milliseconds(1 + random.below(10)))
        case .hear(false):
            let asks = writers[index].rules.end(.lost, at: now)
            if asks, takesTurns { errands.append((now + latency(), index, asks: true)) }
            (writers[index].step, writers[index].time) = (.read, now + latency() / 2)
        case .read:
            writers[index].seen = newest
            (writers[index].step, writers[index].time) = (.apply, now + latency() / 2)
        case .apply:
            writers[index].known = writers[index].seen
            // As long as a large database or a slow disk takes: who has to do this is never first again.
            (writers[index].step, writers[index].time) = (.begin, now + .milliseconds(40 + random.below(10)))
        }
    }
}
