internal import ObjectStore

/// Bytes that were read already and what comes behind them; knows how many went through, and why they ended.
actor CountedSource: ByteSource {
    private var start: Chunks
    private let rest: any ByteSource
    private(set) var count = 0
    /// What the store reports in its own words only.
    private(set) var failure: LevelError?

    init(_ start: [UInt8], _ rest: any ByteSource) { (self.start, self.rest) = (Chunks(start), rest) }

    func read(_ count: Int) async throws -> [UInt8] {
        var bytes = start.take(count)
        do {
            if bytes.count < count { bytes += try await rest.read(count - bytes.count) }
        } catch {
            failure = Task.isCancelled ? .cancelled : error as? LevelError ?? .snapshot(error)
            throw error
        }
        self.count += bytes.count
        return bytes
    }
}
