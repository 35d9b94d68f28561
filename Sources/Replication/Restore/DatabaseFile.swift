internal import Files

/// The database while it is being restored: pages go in by ascending number, and reach the file in large pieces.
struct DatabaseFile {
    private static let pieceBytes = 1 << 20

    private let file: WorkFile
    private let queue: BlockingQueue
    private let isKept: Bool
    private var piece: [UInt8] = []
    private var offset = 0

    /// Begins at the start of a file, which must get to the disk in the end if it is kept.
    init(_ file: WorkFile, _ queue: BlockingQueue, isKept: Bool = true) {
        (self.file, self.queue, self.isKept) = (file, queue, isKept)
        piece.reserveCapacity(Self.pieceBytes + 65536)
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

    mutating func flush() async throws(RestoreError) {
        guard !piece.isEmpty else { return }
        let (file, piece, offset, isKept) = (file, piece, offset, isKept)
        self.piece.removeAll(keepingCapacity: true)
        try await run { () throws(FileError) in
            try file.write(piece.span, at: offset)
            if isKept { file.beginSync(at: offset, count: piece.count) }
        }
    }

    /// Cuts the file off, or fills it up with zeros.
    func resize(to size: Int) async throws(RestoreError) {
        try await run { [file] () throws(FileError) in try file.truncate(to: size) }
    }

    func read(at offset: Int, count: Int) async throws(RestoreError) -> [UInt8] {
        try await run { [file] () throws(FileError) in try file.read(at: offset, count: count) }
    }

    func sync() async throws(RestoreError) {
        try await run { [file] () throws(FileError) in try file.sync() }
    }

    private func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(FileError) -> Value
    ) async throws(RestoreError) -> Value {
        guard !Task.isCancelled else { throw .cancelled }
        do throws(FileError) { return try await queue.run(body) } catch { throw .file(error) }
    }
}
