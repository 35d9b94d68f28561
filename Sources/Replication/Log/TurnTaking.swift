/// Decides when a writer asks to go first once, and when it lets another one do so; does nothing itself.
///
/// Who always has the next transaction ready wins every race: whoever has to learn of the last one first comes too late.
/// Nothing is lost by that, but the other one's clients wait in vain. So a writer that keeps losing leaves a request in
/// the bucket, and one that leaves no room between its transactions looks for such once in a while, and pauses. All of it
/// is courtesy: what counts is decided by the creation of the objects alone. Times are those of the steady clock.
package struct TurnTaking: Sendable {
    /// So many races are lost one after the other before a turn is asked for.
    private static let lossesMin = 3
    private static let askInterval = Duration.seconds(1)
    /// For so long there must have been no room for others before it is looked for requests.
    private static let busyMin = Duration.seconds(1)
    private static let lookInterval = Duration.seconds(1)
    /// Who asked longer ago, by the store's clock, has had its turn or is gone.
    private static let requestLife = Duration.seconds(5)
    /// To learn that a race is lost, to read what won it, and to create the next: three requests, and one in reserve.
    private static let requestsInTurn = 4
    /// For what another one does between its requests.
    private static let margin = Duration.milliseconds(50)
    /// The longest that others are let go first.
    package static let pauseMax = Duration.seconds(1)

    /// What became of a file that was to be added.
    package enum Result: Sendable { case committed, lost, neither }

    private let writerID: UInt64
    /// How long a commit takes, on average over the last few.
    private var commitTime: Duration?
    private var lossCount = 0
    private var askedAt: Duration?
    /// Since when there was no room for others; nil if there was some just now.
    private var busySince: Duration?
    private var beganAt: Duration?
    private var endedAt: Duration?
    private var lookedAt: Duration?
    /// What was answered by a pause, or is about to be.
    private var honoured: TurnRequest?
    private var owesPause = false

    package init(writerID: UInt64) { self.writerID = writerID }

    /// What another writer needs to learn where the log ends, and to add to it.
    private var room: Duration {
        min(Self.pauseMax, (commitTime ?? .zero) * Self.requestsInTurn + Self.margin)
    }

    /// How long to let others go first before the next file; nil if nobody waits for that.
    package mutating func takePause() -> Duration? {
        guard owesPause else { return nil }
        owesPause = false
        return room
    }

    /// A file is about to be added.
    ///
    /// - Returns: Whether to look for a request meanwhile.
    package mutating func begin(at now: Duration) -> Bool {
        if endedAt.map({ now - $0 >= room }) ?? true { busySince = now }
        beganAt = now
        guard let busySince, now - busySince >= Self.busyMin else { return false }
        guard lookedAt.map({ now - $0 >= Self.lookInterval }) ?? true else { return false }
        lookedAt = now
        return true
    }

    /// The file was added, or not.
    ///
    /// - Returns: Whether to ask for a turn.
    package mutating func end(_ result: Result, at now: Duration) -> Bool {
        endedAt = now
        switch result {
        case .committed:
            lossCount = 0
            let time = now - (beganAt ?? now)
            commitTime = commitTime.map { ($0 * 3 + time) / 4 } ?? time
            return false
        case .lost: lossCount += 1
        case .neither: return false
        }
        guard lossCount >= Self.lossesMin, askedAt.map({ now - $0 >= Self.askInterval }) ?? true else { return false }
        askedAt = now
        return true
    }

    /// A look found this request, which was put so long ago by the store's clock.
    ///
    /// - Returns: Whether it will be answered by a pause.
    package mutating func found(_ request: TurnRequest, age: Duration) -> Bool {
        guard request.writerID != writerID, request != honoured, age <= Self.requestLife else { return false }
        (honoured, owesPause) = (request, true)
        return true
    }
}

/// What a writer leaves in the bucket that wants to go first once.
package struct TurnRequest: Sendable, Equatable {
    package let writerID: UInt64
    /// Tells the requests of one writer apart.
    package let number: UInt64

    package init(writerID: UInt64, number: UInt64) { (self.writerID, self.number) = (writerID, number) }

    /// Nil for what is no request.
    package init?(_ bytes: [UInt8]) {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
        guard bytes.count <= Self.bytesMax, words.count == 3, words[0] == Self.mark,
            let writerID = UInt64(words[1], radix: 16), let number = UInt64(words[2], radix: 16)
        else { return nil }
        self.init(writerID: writerID, number: number)
    }

    package static let bytesMax = 64
    private static let mark = "turn"

    package var bytes: [UInt8] {
        Array("\(Self.mark) \(String(writerID, radix: 16)) \(String(number, radix: 16))".utf8)
    }
}
