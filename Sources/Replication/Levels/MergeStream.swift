internal import LTX
internal import ObjectStore

/// Several files of a level as the bytes of the one that they are compacted into, made while they are read.
///
/// Ends only when every file has been read to its end and every checksum is right; otherwise reading fails.
actor MergeStream: ByteSource {
    /// A file to be merged, and its bytes if they are at hand.
    struct Input {
        let key: String
        let file: LevelFile
        let bytes: [UInt8]?
    }

    /// So many pages are merged before others get their turn: a millisecond's work.
    private static let stepsAtATime = 64

    /// What the result says that it is; known after the first read.
    private(set) var header: Header?

    private let inputs: [Input]
    private let readers: [ObjectReader?]
    /// Of cached files, whether they were handed over.
    private var isFed: [Bool]
    private var compactor: Compactor
    private var encoder: Encoder?
    private var output = Chunks()
    private var isComplete = false
    /// Which level-0 file the result ends with; what it names.
    private let end: Checksum?

    init(_ inputs: [Input], in store: any ObjectStore, end: Checksum?, parallelism: Int = 4) {
        self.inputs = inputs
        self.end = end
        let fetched = inputs.filter { $0.bytes == nil }.map(\.file.size)
        let ahead = FetchAhead(sizes: fetched, parallelism: parallelism)
        let permits = Permits(parallelism)
        readers = inputs.map { input in
            guard input.bytes == nil else { return nil }
            let time = input.file.uploadedMilliseconds
            let object = ReplicaObject(key: input.key, size: input.file.size, timeMilliseconds: time)
            return ObjectReader(object, in: store, ahead, permits)
        }
        isFed = inputs.map { _ in false }
        compactor = Compactor(fileCount: inputs.count)
    }

    /// Gives up what is under way.
    func cancel() { for reader in readers { reader?.cancel() } }

    func read(_ count: Int) async throws -> [UInt8] {
        var stepCount = 0
        while output.count < count, !isComplete {
            try await advance()
            stepCount += 1
            // With every file at hand nothing else is waited for, and where there is one core, commits need it too.
            if stepCount % Self.stepsAtATime == 0 { await Task.yield() }
        }
        return output.take(count)
    }

    private func advance() async throws(LevelError) {
        guard !Task.isCancelled else { throw .cancelled }
        switch try next() {
        case .input(let index): compactor.feed(try await bytes(of: index), file: index)
        case .header(var header):
            header.linkCompacted(to: end)
            self.header = header
            try encode { () throws(LTXError) in encoder = try Encoder(header, into: &output.bytes) }
        case .page(let page):
            try encode { () throws(LTXError) in
                try encoder?.append(page: page.number, page.data.span, into: &output.bytes)
            }
        case .end:
            try encode { () throws(LTXError) in
                if let encoder = encoder.take() { _ = try encoder.finish(into: &output.bytes) }
            }
            isComplete = true
        }
    }

    private func next() throws(LevelError) -> Compactor.Step {
        do { return try compactor.next() } catch {
            throw .damaged(key: inputs[error.file].key, reason: "\(error)")
        }
    }

    private func bytes(of index: Int) async throws(LevelError) -> [UInt8] {
        let input = inputs[index]
        let wasFed = isFed[index]
        isFed[index] = true
        let bytes: [UInt8]
        if let reader = readers[index] {
            do throws(RestoreError) { bytes = try await reader.next() } catch {
                throw LevelError(error, key: input.key)
            }
        } else {
            bytes = wasFed ? [] : input.bytes ?? []
        }
        if !wasFed { try check(bytes, input) }
        return bytes
    }

    /// A file has to be what its name says.
    private func check(_ bytes: [UInt8], _ input: Input) throws(LevelError) {
        guard bytes.count >= Header.size else { return }
        let header: Header
        do { header = try Header(bytes.span) } catch { throw .damaged(key: input.key, reason: "\(error)") }
        guard header.minTXID == input.file.minTXID, header.maxTXID == input.file.maxTXID else {
            let reason = "inside, it has the transactions \(header.minTXID)-\(header.maxTXID)"
            throw .damaged(key: input.key, reason: reason)
        }
    }

    private func encode(_ body: () throws(LTXError) -> Void) throws(LevelError) {
        do throws(LTXError) { try body() } catch {
            throw .damaged(key: inputs[error.file].key, reason: "\(error)")
        }
    }
}
