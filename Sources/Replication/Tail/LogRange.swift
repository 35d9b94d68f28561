internal import SQLite
internal import WAL

/// The transactions between two places in a log, read piece by piece.
struct LogRange {
    /// Some whole transactions that follow on each other.
    struct Piece {
        let offset: UInt64
        let byteCount: UInt64
        let salt1: UInt32
        let salt2: UInt32
        let commit: UInt32
        let transactionCount: Int
        let pages: [WALPage]
    }

    private static let readBytes = 1 << 20

    private let connection: Connection
    private let endOffset: UInt64
    private let endChecksum: WALChecksum
    private var position: WALPosition
    private var failed = false

    private init(_ connection: Connection, from position: WALPosition, upTo offset: UInt64, _ checksum: WALChecksum) {
        (self.connection, self.position) = (connection, position)
        (endOffset, endChecksum) = (offset, checksum)
    }

    /// Nil if the log is not what `start` and `end` say, or does not hold what was before `start` any more.
    static func between(
        _ start: TailPlace,
        _ end: TailPlace,
        in connection: Connection,
        pageSize: Int
    ) throws(TailError) -> LogRange? {
        guard let header = try header(connection), header.salt1 == end.salt1, header.salt2 == end.salt2,
            header.pageSize == pageSize
        else { return nil }
        let frameSize = header.frameSize
        var position = WALPosition(startOf: header)
        if start.frameCount > 0 {
            let before = WALHeader.size + (start.frameCount - 1) * frameSize
            position = WALPosition(
                header: header,
                offset: UInt64(before + frameSize),
                checksum: WALChecksum(start.checksum1, start.checksum2)
            )
            let bytes = try read(connection, at: before, WALFrame.headerSize)
            guard let frame = WALFrame(bytes.span), position.follows(frame) else { return nil }
        }
        return LogRange(
            connection,
            from: position,
            upTo: UInt64(WALHeader.size + end.frameCount * frameSize),
            WALChecksum(end.checksum1, end.checksum2)
        )
    }

    private static func header(_ connection: Connection) throws(TailError) -> WALHeader? {
        let bytes = try read(connection, at: 0, WALHeader.size)
        do throws(WALError) { return try WALHeader(bytes.span) } catch { return nil }
    }

    /// Whether all was read, and its checksum is the one at the end.
    var isComplete: Bool { !failed && position.offset == endOffset && position.checksum == endChecksum }

    /// The next transactions, as many as begin within so many bytes; nil at the end.
    mutating func next(bytesMax: Int) throws(TailError) -> Piece? {
        guard position.offset < endOffset, !failed else { return nil }
        let start = position.offset
        let frameSize = position.header.frameSize
        var reader = WALReader(from: position)
        while reader.end == nil, reader.offset < endOffset, reader.position.offset - start < bytesMax {
            let countMax = max(1, Self.readBytes / frameSize) * frameSize
            let count = min(countMax, Int(endOffset - reader.offset))
            let bytes = try Self.read(connection, at: Int(reader.offset), count)
            reader.read(bytes.span)
        }
        guard reader.end == nil, reader.transactionCount > 0 else {
            failed = true
            return nil
        }
        position = reader.position
        return Piece(
            offset: start,
            byteCount: position.offset - start,
            salt1: position.header.salt1,
            salt2: position.header.salt2,
            commit: reader.commit,
            transactionCount: reader.transactionCount,
            pages: reader.pages
        )
    }

    private static func read(_ connection: Connection, at offset: Int, _ count: Int) throws(TailError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        do throws(SQLiteError) { try connection.readWAL(at: offset, into: &bytes) } catch { throw .sqlite(error) }
        return bytes
    }
}
