internal import Files

/// The database while it is being restored: pages go in by ascending number, and reach the file in large pieces.
///
/// While one piece is written, the next one is gathered. What is on its way has arrived before anything else is done
/// with the file.
struct DatabaseFile {
    private static let pieceBytes = 4 << 20

    private let file: WorkFile
    private let queue: BlockingQueue
    private let isKept: Bool
    private var piece: [UInt8] = []
    private var offset = 0
    /// The write that is under way; gives back its piece, whose memory the piece after the next one takes.
    private var writing: Task<Result<[UInt8], FileError>, Never>?

    /// Begins at the start of a file, which must get to the disk in the end if it is kept.
    init(_ file: WorkFile, _ queue: BlockingQueue, isKept: Bool = true) {
        (self.file, self.queue, self.isKept) = (file, queue, isKept)
    }

    /// Whether it is time to flush.
    var isFull: Bool { piece.count >= Self.pieceBytes }

    /// Keeps bytes for a place in the file; false, and nothing is kept, if a flush must come first.
    mutating func keep(_ bytes: [UInt8], at place: Int) -> Bool {
        if piece.isEmpty { offset = place }
        guard place == offset + piece.count, !isFull else { return false }
        piece.append(contentsOf: bytes)
        return true
    }

    /// Sends off what is kept, once what was sent before has arrived.
    mutating func flush() async throws(RestoreError) {
        var next = try await arrived() ?? []
        guard !piece.isEmpty else { return }
        next.removeAll(keepingCapacity: true)
        next.reserveCapacity(Self.pieceBytes + 65536)
        let (file, queue, piece, offset, isKept) = (file, queue, piece, offset, isKept)
        self.piece = next
        writing = Task {
            await queue.run { () throws(Never) in
                do throws(FileError) {
                    try file.write(piece.span, at: offset)
                    if isKept { file.beginSync(at: offset, count: piece.count) }
                    return .success(piece)
                } catch { return .failure(error) }
            }
        }
    }

    /// Cuts the file off, or fills it up with zeros.
    mutating func resize(to size: Int) async throws(RestoreError) {
        try await finish()
        try await Self.run(file, queue) { (file) throws(FileError) in try file.truncate(to: size) }
    }

    /// The bytes at each of these places, `count` of them but at the end of the file.
    mutating func read(at offsets: [Int], count: Int) async throws(RestoreError) -> [[UInt8]] {
        try await finish()
        return try await Self.run(file, queue) { (file) throws(FileError) in
            var found: [[UInt8]] = []
            for offset in offsets { found.append(try file.read(at: offset, count: count)) }
            return found
        }
    }

    /// Everything that was kept is in the file when this returns; a power cut may still undo it.
    mutating func finish() async throws(RestoreError) {
        try await flush()
        _ = try await arrived()
    }

    /// Everything is on the disk when this returns; it must be finished before.
    func sync() async throws(RestoreError) {
        precondition(piece.isEmpty && writing == nil, "not everything is in the file")
        try await Self.run(file, queue) { (file) throws(FileError) in try file.sync() }
    }

    /// Waits for the write that is under way, and returns its memory.
    private mutating func arrived() async throws(RestoreError) -> [UInt8]? {
        guard let result = await writing?.value else { return nil }
        writing = nil
        guard !Task.isCancelled else { throw .cancelled }
        do throws(FileError) { return try result.get() } catch { throw .file(error) }
    }

    private static func run<Value: Sendable>(
        _ file: WorkFile,
        _ queue: BlockingQueue,
        _ body: @escaping @Sendable (WorkFile) throws(FileError) -> Value
    ) async throws(RestoreError) -> Value {
        guard !Task.isCancelled else { throw .cancelled }
        do throws(FileError) {
            return try await queue.run { () throws(FileError) in try body(file) }
        } catch { throw .file(error) }
    }
}
