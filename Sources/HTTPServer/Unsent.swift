/// Answers that a socket did not take yet, and how much of them the client must take in the time that it has.
struct Unsent {
    private(set) var bytes: [UInt8] = []
    /// How many of `bytes` the socket did take.
    private(set) var sentCount = 0
    /// How many of `bytes` were there when the client's time began.
    private var goal = 0

    var count: Int { bytes.count - sentCount }
    var isEmpty: Bool { count == 0 }

    init() {}

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = Array(bytes)
        goal = self.bytes.count
    }

    mutating func append(_ more: [UInt8]) {
        bytes.append(contentsOf: more)
    }

    /// Notes that the socket took some more.
    ///
    /// - Returns: Whether all is sent that was there when the time began: what came after it has time of its own, which
    ///   begins now. Else a client that goes on asking while it is a little behind would be cut off some time.
    mutating func advance(by count: Int) -> Bool {
        sentCount += count
        let isGoalReached = sentCount >= goal
        // What is sent needs no memory. Half at least, so that the moving costs no more than the sending did.
        if sentCount > bytes.count / 2 {
            bytes.removeFirst(sentCount)
            goal -= sentCount
            sentCount = 0
        }
        if isGoalReached { goal = bytes.count }
        return isGoalReached
    }
}
