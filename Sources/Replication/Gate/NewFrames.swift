internal import LTX
internal import SQLite
internal import WAL

/// What stands in the log behind the last admitted frame, as far as it belongs to the log.
struct NewFrames {
    /// What is held in memory; of longer transactions each page is read again.
    private static let bytesMax = 4 << 20
    /// How many frames are read at first: as many as most transactions have.
    private static let firstCount = 8

    private let files: any LogReading
    private let reader: WALReader
    let pageSize: Int
    /// The frames from `start` on; empty if they are too many.
    private let bytes: [UInt8]
    private let start: Int

    /// Reads on from `end`, or from the start if the log was started over; nil if there is no log.
    init?(_ files: any LogReading, after end: WALPosition?) throws {
        guard let header = try Self.header(files) else { return nil }
        let size = try files.logSize()
        var position = WALPosition(startOf: header)
        if let end, end.isInLog(of: header) { position = end }
        var reader = WALReader(from: position)
        var bytes: [UInt8] = []
        var areKept = true
        var count = Self.firstCount
        // Behind the newest frames there may be megabytes of an older log: they are not read to know that.
        while reader.end == nil {
            let at = Int(reader.offset)
            let piece = try files.readLog(at: at, count: min(count * header.frameSize, size - at))
            guard piece.count >= header.frameSize else { break }
            reader.read(piece.span)
            if areKept { bytes += piece }
            areKept = bytes.count <= Self.bytesMax
            count = min(count * 2, max(1, Self.bytesMax / header.frameSize))
        }
        self.files = files
        self.reader = reader
        self.bytes = areKept ? bytes : []
        pageSize = header.pageSize
        start = Int(position.offset)
    }

    /// What the WAL file begins with; nil if it is too short for that.
    static func header(_ files: any LogReading) throws -> WALHeader? {
        guard try files.logSize() >= WALHeader.size else { return nil }
        let bytes = try files.readLog(at: 0, count: WALHeader.size)
        return try WALHeader(bytes.span)
    }

    /// How many transactions were completed.
    var transactionCount: Int { reader.transactionCount }

    /// Whether these are the frames of one whole transaction, and nothing besides.
    var isOneTransaction: Bool { reader.transactionCount == 1 && reader.offset == reader.position.offset }

    /// Where the transaction ends.
    var end: WALPosition { reader.position }

    /// The size of the database in pages, after it.
    var commit: UInt32 { reader.commit }

    /// The pages it changed, each in its newest version, ascending.
    var pages: [WALPage] { reader.pages }

    /// The content of a page.
    func content(of page: WALPage) throws -> [UInt8] {
        let offset = Int(page.offset)
        guard !bytes.isEmpty else { return try files.readLog(at: offset, count: pageSize) }
        return Array(bytes[(offset - start)..<(offset - start + pageSize)])
    }

    /// Appends a page to a file.
    func append(_ page: WALPage, to encoder: inout Encoder, into output: inout [UInt8]) throws {
        guard !bytes.isEmpty else {
            let content = try content(of: page)
            return try encoder.append(page: page.number, content.span, into: &output)
        }
        let offset = Int(page.offset) - start
        try encoder.append(page: page.number, bytes.span.extracting(offset..<(offset + pageSize)), into: &output)
    }

    /// Appends a page to a file, as it is in the database file.
    func appendUnlogged(_ number: UInt32, to encoder: inout Encoder, into output: inout [UInt8]) throws {
        let content = try files.readDatabase(at: (Int(number) - 1) * pageSize, count: pageSize)
        try encoder.append(page: number, content.span, into: &output)
    }
}
