import LTX
import ObjectStore
import StoreTestSupport
import Synchronization
import Testing

@testable import Replication

@Suite struct FencedLogTests {
    private func withBench(_ body: (LogBench) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in try await body(LogBench(folder)) }
    }

    private func txid(_ number: UInt64) -> TXID { TXID(rawValue: number) }

    // MARK: Adding and following

    @Test func `what one log adds, another one follows, link by link`() async throws {
        try await withBench { bench in
            let (writer, reader) = (bench.log(), bench.log())
            for number in 1...7 as ClosedRange<UInt64> {
                #expect(try await writer.append(UInt8(number)) == .committed(txid(number)))
            }
            let files = try await reader.catchUp()
            #expect(files.map(\.position.txid) == (1...7).map(txid))
            #expect(files.first?.header.linkedChecksum == nil)
            #expect(files.dropFirst().map(\.header.linkedChecksum) == files.dropLast().map(\.position.fileChecksum))
            #expect(files.allSatisfy { $0.header.nodeID == writer.writerID && $0.header.walOffset == 32 })
            #expect(reader.position == writer.position)
            #expect(try await reader.append(8) == .committed(txid(8)))
            #expect(try await writer.append(8) == .lost)
            #expect(try await writer.catchUp().map(\.header.nodeID) == [reader.writerID])
            #expect(try await writer.append(9) == .committed(txid(9)))
        }
    }

    @Test func `the time of a file is that of its header, also for who only lists it`() async throws {
        try await withBench { bench in
            let log = bench.log()
            let header = log.nextHeader(pageSize: 512, commit: 1)
            let file = try LogBench.file(1, header)
            #expect(await log.append(file.bytes, file.position, within: .seconds(20)) == .committed(txid(1)))
            let info = try await bench.store.head(LogBench.key(1))
            #expect(info.lastModified == StoreTime(unixMilliseconds: header.timestampMilliseconds))
        }
    }

    @Test func `time never goes back along the log, whatever a clock shows`() async throws {
        try await withBench { bench in
            let position = try #require(Checksum(rawValue: 1 << 63)).position(5)
            let tip = LogTip(position: position, timestampMilliseconds: .max)
            #expect(
                bench.log(from: LogStart(tip: tip)).nextHeader(pageSize: 512, commit: 1).timestampMilliseconds == .max
            )
        }
    }

    @Test func `two logs that race for every transaction lose none and share none`() async throws {
        try await withBench { bench in
            let count = 30
            let committed = try await withThrowingTaskGroup(of: [TXID].self) { group in
                for writer in 1...2 as ClosedRange<UInt64> {
                    group.addTask {
                        let log = bench.log(writer: writer)
                        var committed: [TXID] = []
                        while committed.count < count {
                            switch try await log.append(UInt8(writer)) {
                            case .committed(let txid): committed.append(txid)
                            case .lost: _ = try await log.catchUp()
                            case .unknown, .refused: throw PeerError(message: "neither won nor lost")
                            }
                        }
                        return committed
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(committed.joined()) == Set((1...UInt64(2 * count)).map(txid)))
            let files = try await bench.log().catchUp()
            #expect(files.count == 2 * count)
            for won in committed {
                // Whoever was told that a transaction is its own wrote that file.
                let writers = Set(won.map { files[Int($0.rawValue) - 1].header.nodeID })
                #expect(writers.count == 1)
            }
        }
    }

    @Test func `a steady writer makes one request for a transaction, and looks after the rest once in a while`()
        async throws
    {
        try await withBench { bench async throws in
            let log = bench.log(checkInterval: .seconds(300))
            #expect(try await log.append(1) == .committed(txid(1)))
            #expect(bench.faults.takeCalls() == ["list ltx/", "create \(LogBench.key(1))"])
            #expect(try await log.append(2) == .committed(txid(2)))
            #expect(bench.faults.takeCalls() == ["get \(LogBench.key(1))", "create \(LogBench.key(2))"])
            #expect(try await log.append(3) == .committed(txid(3)))
            #expect(try await log.confirm() == .current)
            #expect(bench.faults.takeCalls() == ["create \(LogBench.key(3))"])
            bench.advanceLocal(by: .seconds(301))
            #expect(try await log.append(4) == .committed(txid(4)))
            #expect(
                Set(bench.faults.takeCalls()) == [
                    "get \(LogBench.key(3))", "get \(LogBench.key(1))", "create \(LogBench.key(4))",
                ]
            )
        }
    }

    @Test func `who loses a race learns at once all that is needed for the next one`() async throws {
        try await withBench { bench async throws in
            let (winner, loser) = (bench.log(), bench.log())
            #expect(try await winner.append(1) == .committed(txid(1)))
            _ = try await loser.catchUp()
            #expect(try await winner.append(2) == .committed(txid(2)))
            _ = bench.faults.takeCalls()
            #expect(try await loser.append(2) == .lost)
            let asked = StoreClock.system.elapsed()
            #expect(
                Set(bench.faults.takeCalls()) == [
                    "get \(LogBench.key(1))", "create \(LogBench.key(2))", "get \(LogBench.key(2))",
                    "get \(LogBench.key(3))",
                ]
            )
            guard case .files(let files, true) = try await loser.fetchNewer() else {
                Issue.record("the end of the log was seen")
                return
            }
            await loser.advance(to: try #require(files.last).position)
            // What was seen early says nothing of later.
            #expect(try #require(loser.currentAt) <= asked)
            #expect(try await loser.append(3) == .committed(txid(3)))
            #expect(bench.faults.takeCalls() == ["create \(LogBench.key(3))"])
        }
    }

    @Test func `what a lost race has shown is not believed later`() async throws {
        try await withBench { bench async throws in
            let (winner, loser) = (bench.log(), bench.log())
            #expect(try await winner.append(1) == .committed(txid(1)))
            #expect(try await loser.append(1) == .lost)
            #expect(try await winner.append(2) == .committed(txid(2)))
            #expect(try await loser.peek() == .behind)
            #expect(try await loser.catchUp().map(\.position.txid) == [txid(1), txid(2)])
        }
    }

    @Test func `a file of megabytes is fetched whole, by whoever lost to it and by others`() async throws {
        try await withBench { bench async throws in
            let (writer, loser, reader) = (bench.log(), bench.log(), bench.log())
            let header = writer.nextHeader(pageSize: LogBench.pageSize, commit: 5000)
            var bytes: [UInt8] = []
            var encoder = try Encoder(header, into: &bytes)
            for page in 1...5000 as ClosedRange<UInt32> {
                let content = (0..<LogBench.pageSize).map { _ in UInt8.random(in: 0 ... .max) }
                try encoder.append(page: page, content.span, into: &bytes)
            }
            let position = try encoder.finish(into: &bytes)
            #expect(bytes.count > 2 << 20)
            #expect(await writer.append(bytes, position, within: .seconds(20)) == .committed(txid(1)))
            #expect(try await loser.append(1) == .lost)
            #expect(try await loser.catchUp().map(\.bytes) == [bytes])
            #expect(try await reader.catchUp().map(\.bytes) == [bytes])
        }
    }

    // MARK: Turns

    @Test(.timeLimit(.minutes(1)))
    func `who keeps losing asks for a turn, and who keeps winning gives one`() async throws {
        try await withBench { bench async throws in
            let (events, heard) = AsyncStream.makeStream(of: LogEvent.self)
            let count = Mutex(0)
            let winner = bench.log { event in
                if event == .gaveTurn { count.withLock { $0 += 1 } }
            }
            let loser = bench.log { heard.yield($0) }
            #expect(try await winner.append(0) == .committed(txid(1)))
            for content in 1...3 as ClosedRange<UInt8> {
                _ = try await loser.catchUp()
                #expect(try await winner.append(content) == .committed(txid(UInt64(content) + 1)))
                #expect(try await loser.append(content) == .lost)
            }
            #expect(await events.first { _ in true } == .askedForTurn)
            while (try? await bench.store.get("turn")) == nil { await Task.yield() }
            _ = bench.faults.takeCalls()
            // So long without a rest, as far as its clock says.
            var appendCount = 0
            while count.withLock({ $0 }) == 0 {
                let outcome = try await winner.append(4)
                guard case .committed = outcome else { throw PeerError(message: "\(outcome)") }
                bench.advanceLocal(by: .milliseconds(40))
                appendCount += 1
            }
            #expect(appendCount >= 15)
            for _ in 0..<100 {
                _ = try await winner.append(4)
                bench.advanceLocal(by: .milliseconds(40))
            }
            // The same request is answered once, however often it is seen.
            #expect(count.withLock { $0 } == 1)
            #expect((2...12).contains(bench.faults.takeCalls().count { $0 == "get turn" }))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `the end does not wait for another one's turn`() async throws {
        try await withTemporaryFolder { folder in
            let store = FileStore(root: folder)
            try await store.put(Turns.key, TurnRequest(writerID: 2, number: 1).bytes)
            let time = ClockOffset()
            var clock = StoreClock.system
            clock.elapsed = { time.value }
            clock.sleep = { _ in try await Task.sleep(for: .seconds(600)) }
            let (events, heard) = AsyncStream.makeStream(of: LogEvent.self)
            let turns = Turns(store, clock: clock, writerID: 1) { heard.yield($0) }
            let pausing = Task {
                while !Task.isCancelled {
                    await turns.giveWay(atMost: .seconds(600))
                    turns.begin()
                    turns.end(.committed(TXID(rawValue: 1)))
                    time.add(.milliseconds(20))
                    await Task.yield()
                }
            }
            #expect(await events.first { _ in true } == .gaveTurn)
            turns.stop()
            pausing.cancel()
            await pausing.value
            await turns.giveWay(atMost: .seconds(600))
        }
    }

    @Test func `a turn that cannot be asked for, or looked for, changes nothing`() async throws {
        try await withBench { bench async throws in
            let (winner, loser) = (bench.log(), bench.log())
            bench.faults.plan(.put, .refuse(.accessDenied))
            #expect(try await winner.append(0) == .committed(txid(1)))
            for content in 1...5 as ClosedRange<UInt8> {
                _ = try await loser.catchUp()
                #expect(try await winner.append(content) == .committed(txid(UInt64(content) + 1)))
                #expect(try await loser.append(content) == .lost)
            }
            _ = try await loser.catchUp()
            #expect(try await loser.append(6) == .committed(txid(7)))
            #expect(bench.faults.takeCalls().count { $0.hasPrefix("put") } <= 1)
        }
    }

    // MARK: No answer at all

    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func `a question without an answer ends in time, and what waits behind it goes on`(fetches: Bool) async throws {
        try await withBench { bench async throws in
            let (writer, log) = (bench.log(), bench.log(questionPatience: .milliseconds(200)))
            #expect(try await writer.append(1) == .committed(txid(1)))
            _ = try await log.catchUp()
            #expect(try await log.append(2) == .committed(txid(2)))
            bench.faults.plan(.get, .hang)
            let question = Task { () async throws in
                if fetches { _ = try await log.fetchNewer() } else { _ = try await log.peek() }
            }
            while !bench.faults.takeCalls().contains("get \(LogBench.key(3))") { await Task.yield() }
            #expect(try await log.append(3) == .committed(txid(3)))
            await #expect(throws: LogError.self) { try await question.value }
            #expect(try await log.peek() == .current)
        }
    }

    @Test func `what came before the store fell silent is not fetched again`() async throws {
        try await withBench { bench async throws in
            let (writer, log) = (bench.log(), bench.log(questionPatience: .milliseconds(100)))
            for content in 1...3 as ClosedRange<UInt8> { _ = try await writer.append(content) }
            bench.faults.plan(.get, .first {}, .hang, .hang)
            guard case .files(let files, false) = try await log.fetchNewer() else {
                Issue.record("one file had come")
                return
            }
            #expect(files.map(\.position.txid) == [txid(1)])
            await log.advance(to: files[0].position)
            #expect(try await log.catchUp().count == 2)
        }
    }

    // MARK: Answers that say nothing

    @Test(arguments: [(FaultPlan.Fault.loseAnswer, 0), (.loseRequest, 1)])
    func `a create without an answer counts once, done or not`(fault: FaultPlan.Fault, retryCount: Int) async throws {
        try await withBench { bench async throws in
            let count = Mutex(0)
            let log = bench.log { event in if event == .triedAgain { count.withLock { $0 += 1 } } }
            #expect(try await log.append(1) == .committed(txid(1)))
            bench.faults.plan(.create, fault)
            #expect(try await log.append(2) == .committed(txid(2)))
            #expect(try await log.append(3) == .committed(txid(3)))
            // What was done is found by reading, and only what was not is tried again.
            #expect(count.withLock { $0 } == retryCount)
            #expect(try await bench.log().catchUp().count == 3)
        }
    }

    @Test func `when reading back fails too, nothing is said, and the next batch finds out`() async throws {
        try await withBench { bench in
            let log = bench.log()
            #expect(try await log.append(1) == .committed(txid(1)))
            #expect(try await log.append(2) == .committed(txid(2)))
            bench.faults.plan(.create, .loseAnswer)
            bench.faults.plan(.get, .refuse(.unreachable))
            guard case .unknown = try await log.append(3) else {
                Issue.record("an outcome that nobody knows is unknown")
                return
            }
            #expect(log.position?.txid == txid(2))
            // The older batch of its own has the name.
            #expect(try await log.append(4) == .lost)
            #expect(try await log.catchUp().map(\.header.nodeID) == [log.writerID])
            #expect(try await log.append(4) == .committed(txid(4)))
        }
    }

    @Test func `patience ends on time: with nothing known, or with nothing done`() async throws {
        try await withBench { bench in
            let log = bench.log()
            bench.faults.plan(.create, .hang)
            let start = ContinuousClock.now
            guard case .unknown = try await log.append(1, within: .milliseconds(200)) else {
                Issue.record("a create that was sent may still land")
                return
            }
            #expect(start.duration(to: .now) < .seconds(20))
            for _ in 0..<1000 { bench.faults.plan(.create, .refuse(.throttled)) }
            guard case .refused(.store(let error)) = try await log.append(1, within: .milliseconds(100)) else {
                Issue.record("a create that was never done is refused")
                return
            }
            #expect(error.kind == .throttled)
        }
    }

    @Test(arguments: [ObjectStoreError.Kind.accessDenied, .credentials, .bucketMissing, .misconfigured, .rejected])
    func `what waiting does not change is refused at once`(kind: ObjectStoreError.Kind) async throws {
        try await withBench { bench in
            let log = bench.log()
            bench.faults.plan(.create, .refuse(kind))
            guard case .refused(.store(let error)) = try await log.append(1) else {
                Issue.record("\(kind) is no refusal")
                return
            }
            #expect(error.kind == kind)
            // But not after an attempt that may have worked.
            bench.faults.plan(.create, .loseRequest, .refuse(kind), .refuse(.ambiguous))
            #expect(try await log.append(1) == .committed(txid(1)))
        }
    }

    @Test func `a store that does not know the time is asked what it holds`() async throws {
        try await withBench { bench async throws in
            let log = bench.log()
            #expect(try await log.append(1) == .committed(txid(1)))
            bench.faults.plan(.create, .withoutTime)
            _ = bench.faults.takeCalls()
            #expect(try await log.append(2) == .committed(txid(2)))
            #expect(bench.faults.takeCalls().last == "list ltx/")
        }
    }

    // MARK: Names that come free again

    @Test func `a writer that stood still in the middle of a PUT does not believe it`() async throws {
        try await withBench { bench in
            let (frozen, other) = (bench.log(), bench.log())
            #expect(try await frozen.append(1) == .committed(txid(1)))
            _ = try await other.catchUp()
            bench.faults.plan(
                .create,
                .first {
                    // While it stands still, others go on, and all that they wrote is compacted.
                    for content in 2...4 as ClosedRange<UInt8> {
                        let outcome = try? await other.append(content)
                        #expect(outcome == .committed(TXID(rawValue: UInt64(content))))
                    }
                    await expectNoError { _ = try await bench.store.put(LogBench.key(3, level: 1, from: 1), [1]) }
                    await expectNoError { _ = try await bench.store.delete(LogBench.key(2)) }
                    bench.advanceStore(by: .seconds(3600))
                }
            )
            #expect(try await frozen.append(2) == .unknown(nil))
            #expect(try await frozen.append(2) == .lost)
            #expect(try await frozen.fetchNewer() == .restore)
        }
    }

    @Test func `another file under the own name is a lost race only near the last confirmation`() async throws {
        try await withBench { bench in
            let (frozen, other) = (bench.log(), bench.log())
            #expect(try await frozen.append(1) == .committed(txid(1)))
            _ = try await other.catchUp()
            bench.faults.plan(.create, .loseAnswer)
            // The check of what must still be there, and then the reading back.
            bench.faults.plan(
                .get,
                .first {},
                .first {
                    // It has the name and counts; then the name comes free, and another one that stood still takes it.
                    await expectNoError {
                        let stray = try LogBench.file(9, other.nextHeader(pageSize: LogBench.pageSize, commit: 1))
                        _ = try await other.catchUp()
                        _ = try await other.append(3)
                        _ = try await bench.store.put(LogBench.key(3, level: 1, from: 1), [1])
                        try await bench.store.put(LogBench.key(2), stray.bytes)
                    }
                    bench.advanceStore(by: .seconds(3600))
                }
            )
            guard case .unknown = try await frozen.append(2) else {
                Issue.record("the batch counts, and would be added again")
                return
            }
            #expect(try await frozen.fetchNewer() == .restore)
        }
    }

    @Test func `nothing new is believed only near the last confirmation`() async throws {
        try await withBench { bench in
            let (idle, other) = (bench.log(), bench.log())
            #expect(try await other.append(1) == .committed(txid(1)))
            _ = try await idle.catchUp()
            #expect(try await idle.peek() == .current)
            for content in 2...3 as ClosedRange<UInt8> { _ = try await other.append(content) }
            #expect(try await idle.peek() == .behind)
            try await bench.store.put(LogBench.key(2, level: 1, from: 1), [1])
            _ = try await bench.store.delete(LogBench.key(2))
            // It looks as if nothing came; and near the last confirmation that cannot be.
            bench.advanceStore(by: .seconds(3600))
            #expect(try await idle.peek() == .behind)
            #expect(try await idle.fetchNewer() == .restore)
        }
    }

    @Test func `an old position is confirmed by a listing when nothing came`() async throws {
        try await withBench { bench async throws in
            let log = bench.log()
            #expect(try await log.append(1) == .committed(txid(1)))
            bench.advanceStore(by: .seconds(3600))
            #expect(try await log.append(2) == .committed(txid(2)))
            #expect(bench.faults.takeCalls().suffix(2) == ["create \(LogBench.key(2))", "list ltx/"])
            bench.advanceStore(by: .seconds(3600))
            #expect(try await log.peek() == .current)
            #expect(bench.faults.takeCalls() == ["get \(LogBench.key(3))", "list ltx/"])
            #expect(try await log.append(3) == .committed(txid(3)))
            #expect(bench.faults.takeCalls() == ["create \(LogBench.key(3))"])
        }
    }

    @Test(arguments: [false, true])
    func `what is known to be newer and is not applied yet makes no state current`(isOld: Bool) async throws {
        try await withBench { bench in
            let (writer, reader) = (bench.log(), bench.log())
            #expect(try await writer.append(1) == .committed(txid(1)))
            #expect(writer.currentAt != nil)
            _ = try await reader.catchUp()
            #expect(reader.currentAt != nil)
            #expect(try await writer.append(2) == .committed(txid(2)))
            if isOld { bench.advanceLocal(by: .seconds(3600)) }
            let asked = try #require(reader.currentAt)
            // Confirmed it is: until now, no name has come free.
            guard case .files(let files, _) = try await reader.fetchNewer() else { throw LogError.restoreNeeded }
            #expect(reader.currentAt ?? asked <= asked)
            await reader.advance(to: try #require(files.last).position)
            #expect(try #require(reader.currentAt) > asked)
        }
    }

    // MARK: What stops the writes

    @Test func `a file of a writer that knows no others stops the writes`() async throws {
        try await withBench { bench in
            let log = bench.log()
            #expect(try await log.append(1) == .committed(txid(1)))
            var header = log.nextHeader(pageSize: 512, commit: 1)
            header.nodeID = 0
            try await bench.store.put(LogBench.key(2), LogBench.file(9, header).bytes)
            #expect(try await log.append(2) == .refused(.foreignWriter(txid(2))))
            _ = bench.faults.takeCalls()
            #expect(try await log.append(2) == .refused(.foreignWriter(txid(2))))
            #expect(bench.faults.takeCalls() == [])
            let reader = bench.log()
            await #expect(throws: LogError.foreignWriter(txid(2))) { try await reader.catchUp() }
        }
    }

    @Test func `a prefix that is deleted under the writer stops the writes, until it is back`() async throws {
        try await withBench { bench in
            let log = bench.log(checkInterval: .zero)
            for content in 1...2 as ClosedRange<UInt8> { _ = try await log.append(content) }
            let first = try await bench.store.get(LogBench.key(1)).bytes
            _ = try await bench.store.delete(LogBench.key(1))
            #expect(try await log.append(3) == .refused(.vanished(key: LogBench.key(1))))
            try await bench.store.put(LogBench.key(1), first)
            #expect(try await log.append(3) == .committed(txid(3)))
            _ = try await bench.store.delete(LogBench.key(3))
            guard case .refused(.vanished) = try await log.append(4) else {
                Issue.record("nobody removes the newest file of a log")
                return
            }
        }
    }

    @Test func `a base that was replaced by another one is no deleted prefix`() async throws {
        try await withBench { bench in
            let log = bench.log(checkInterval: .zero)
            for content in 1...2 as ClosedRange<UInt8> { _ = try await log.append(content) }
            try await bench.store.put(LogBench.key(2, level: 9, from: 1), [1])
            _ = try await bench.store.delete(LogBench.key(1))
            #expect(try await log.append(3) == .committed(txid(3)))
            _ = bench.faults.takeCalls()
            #expect(try await log.append(4) == .committed(txid(4)))
            #expect(bench.faults.takeCalls().contains("get \(LogBench.key(2, level: 9, from: 1))"))
        }
    }

    @Test func `an overwritten, mixed, damaged or turned back file is named and not applied`() async throws {
        try await withBench { bench in
            let log = bench.log()
            for content in 1...3 as ClosedRange<UInt8> { _ = try await log.append(content) }
            let whole = try await bench.store.get(LogBench.key(2)).bytes
            var header = try Header(whole.span)

            // Another file of ours under the name of the second: the third does not follow on it.
            try await bench.store.put(LogBench.key(2), LogBench.file(7, header).bytes)
            await #expect(throws: LogError.brokenChain(txid(3))) { try await bench.log().catchUp() }

            header.timestampMilliseconds = 0
            try await bench.store.put(LogBench.key(2), LogBench.file(2, header).bytes)
            await #expect(throws: LogError.timeGoesBack(txid(2))) { try await bench.log().catchUp() }

            for damaged in [Array(whole.dropLast()), whole + [0], [], whole.map { $0 ^ 1 }] {
                try await bench.store.put(LogBench.key(2), damaged)
                let error = await #expect(throws: LogError.self) { try await bench.log().catchUp() }
                guard case .damaged(LogBench.key(2), _) = error else {
                    Issue.record("\(String(describing: error)) does not name the file")
                    continue
                }
            }
            try await bench.store.put(LogBench.key(2), bench.store.get(LogBench.key(1)).bytes)
            let error = await #expect(throws: LogError.self) { try await bench.log().catchUp() }
            #expect(error.map { "\($0)" }?.contains("other transactions") == true)
        }
    }
}

extension Checksum {
    fileprivate func position(_ number: UInt64) -> Position {
        Position(txid: TXID(rawValue: number), fileChecksum: self)
    }
}

private func expectNoError(_ body: () async throws -> Void) async {
    do { try await body() } catch { Issue.record(error) }
}
