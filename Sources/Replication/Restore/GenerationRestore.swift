internal import Files
internal import ObjectStore
internal import WAL

/// Makes a database of what Litestream 0.3 wrote: a snapshot, to which WAL files are applied one after the other.
struct GenerationRestore {
    let store: any ObjectStore
    let snapshot: GenerationFile
    let segments: [[GenerationFile]]
    let parallelism: Int
    let progress: RestoreProgress
    /// Takes up one WAL file at a time.
    let spool: WorkFile
    let queue: BlockingQueue

    /// As many pages come out of the WAL at a time: at most 8 MiB.
    private static let pagesReadMax = 128

    func write(to database: inout DatabaseFile) async throws(RestoreError) {
        let objects = ObjectSequence([snapshot] + segments.joined(), in: store, parallelism, progress)
        defer { objects.cancel() }
        var size = 0
        try await objects.read { bytes throws(RestoreError) in
            while !database.keep(bytes, at: size) { try await database.flush() }
            size += bytes.count
        }
        guard !segments.isEmpty else { return }
        let pageSize = try pageSize(of: try await database.read(at: [0], count: 100)[0])
        for segments in segments { try await apply(segments, objects, pageSize, to: &database) }
    }

    private func apply(
        _ segments: [GenerationFile],
        _ objects: ObjectSequence,
        _ pageSize: Int,
        to database: inout DatabaseFile
    ) async throws(RestoreError) {
        var wal = SegmentedWAL(pageSize: pageSize)
        var joined = DatabaseFile(spool, queue, isKept: false)
        var size = 0
        for segment in segments {
            try generationErrors { () throws(GenerationError) in try wal.begin(segment.name) }
            try await objects.read { bytes throws(RestoreError) in
                try generationErrors { () throws(GenerationError) in try wal.read(bytes) }
                while !joined.keep(bytes, at: size) { try await joined.flush() }
                size += bytes.count
            }
        }
        guard let log = try generationErrors({ () throws(GenerationError) in try wal.finish() }),
            log.transactionCount > 0
        else { return }
        for start in stride(from: 0, to: log.pages.count, by: Self.pagesReadMax) {
            let pages = log.pages[start...].prefix(Self.pagesReadMax)
            let contents = try await joined.read(at: pages.map { Int($0.offset) }, count: pageSize)
            for (page, content) in zip(pages, contents) {
                while !database.keep(content, at: (Int(page.number) - 1) * pageSize) { try await database.flush() }
            }
        }
        try await database.resize(to: Int(log.commit) * pageSize)
    }

    /// - SeeAlso: <https://sqlite.org/fileformat2.html#the_database_header>
    private func pageSize(of header: [UInt8]) throws(RestoreError) -> Int {
        let isDatabase = header.count == 100 && header.starts(with: "SQLite format 3\0".utf8)
        let stored = isDatabase ? Int(header[16]) << 8 | Int(header[17]) : 0
        let size = stored == 1 ? 65536 : stored
        guard (512...65536).contains(size), size.nonzeroBitCount == 1 else {
            throw .damaged(key: snapshot.object.key, reason: "this is no SQLite database")
        }
        return size
    }
}

/// Objects of a 0.3 replica, unpacked one after the other while the next ones are fetched.
private final class ObjectSequence {
    private let files: [GenerationFile]
    private let readers: [ObjectReader]
    private let parallelism: Int
    private let progress: RestoreProgress
    private var position = 0

    init(
        _ files: [GenerationFile],
        in store: any ObjectStore,
        _ parallelism: Int,
        _ progress: RestoreProgress
    ) {
        // Never more than so many are open at once, of whatever size.
        let largest = files.map(\.object.size).sorted(by: >).prefix(parallelism)
        let ahead = FetchAhead(sizes: Array(largest), parallelism: parallelism)
        let permits = Permits(parallelism)
        self.files = files
        (self.parallelism, self.progress) = (parallelism, progress)
        readers = files.map { ObjectReader($0.object, in: store, ahead, permits) }
    }

    /// Hands the content of the next object to `body`, piece by piece.
    func read(_ body: ([UInt8]) async throws(RestoreError) -> Void) async throws(RestoreError) {
        for reader in readers[position...].prefix(parallelism) { reader.prefetch() }
        var frame = FrameReader(files[position].name)
        while true {
            switch try generationErrors({ () throws(GenerationError) in try frame.next() }) {
            case .input:
                let bytes = try await readers[position].next()
                frame.feed(bytes)
                progress.add(bytes.count)
            case .content(let bytes): try await body(bytes)
            case .end:
                position += 1
                return
            }
        }
    }

    func cancel() {
        for reader in readers { reader.cancel() }
    }
}

/// Runs `body`, and names the object that an error is about.
private func generationErrors<Value>(
    _ body: () throws(GenerationError) -> Value
) throws(RestoreError) -> Value {
    do throws(GenerationError) { return try body() } catch {
        guard let key = error.object?.key else { throw .plan(.generation(error)) }
        throw .damaged(key: key, reason: error.description)
    }
}
