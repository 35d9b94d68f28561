package import LTX
internal import SQLite
internal import WAL

/// Every page of a live database as one read transaction sees it, while others go on writing.
///
/// Of each page the newest version up to the end of what the transaction sees: from the WAL, else from the database file.
/// `Connection.pinMark` says why both hold still for as long as the transaction lasts. The log is read once in advance,
/// with salts and running checksums, and has to end where the wal-index says; what lies beyond, such as frames whose
/// commit a gate has not let through, does not count.
///
/// Memory grows with the number of pages in the WAL (16 bytes each), not with the database.
package struct PageImage: ~Copyable {
    /// A place in the WAL, to compare with what else reads it.
    package struct Mark: Hashable, Sendable {
        package let walOffset: UInt64
        package let salt1: UInt32
        package let salt2: UInt32
    }

    package let pageSize: UInt32
    /// The size of the database in pages.
    package let commit: UInt32
    /// Where in the WAL the transactions end that this image holds.
    package let mark: Mark

    private let connection: Connection
    /// The pages to be taken from the WAL, ascending, and how many of them are behind us.
    private let logged: [WALPage]
    private var loggedPassed = 0
    private var passed: UInt32 = 0

    /// How much of the WAL is read at a time, about.
    private static let pieceBytes = 1 << 20

    /// Opens the database and pins what is committed now, until the image is let go.
    ///
    /// Blocks for as long as it takes to read the WAL.
    package init(_ path: String) throws(PageImageError) {
        let (connection, pinned) = try Self.pin(path)
        (pageSize, commit, mark, logged) = try Self.read(connection, pinned)
        self.connection = connection
    }

    /// The image of what a connection has pinned, for as long as the pin lasts.
    init(_ connection: Connection, _ pinned: WALMark) throws(PageImageError) {
        (pageSize, commit, mark, logged) = try Self.read(connection, pinned)
        self.connection = connection
    }

    /// A header for a file that holds this image as the state after `maxTXID`.
    package func header(
        minTXID: TXID,
        maxTXID: TXID,
        timestampMilliseconds: Int64,
        walOffset: UInt64 = UInt64(WALHeader.size),
        walSize: UInt64 = 0,
        walSalts: (UInt32, UInt32) = (0, 0),
        nodeID: UInt64 = 0
    ) -> Header {
        Header(
            pageSize: pageSize,
            commit: commit,
            minTXID: minTXID,
            maxTXID: maxTXID,
            timestampMilliseconds: timestampMilliseconds,
            walOffset: walOffset,
            walSize: walSize,
            walSalt1: walSalts.0,
            walSalt2: walSalts.1,
            nodeID: nodeID
        )
    }

    /// Reads the next page into `bytes`, in ascending order and without the one that SQLite locks; nil behind the last.
    package mutating func next(into bytes: inout [UInt8]) throws(PageImageError) -> UInt32? {
        var number = passed + 1
        if number == Header.lockPage(pageSize: pageSize) { number += 1 }
        guard number <= commit else { return nil }
        if bytes.count != Int(pageSize) { bytes = [UInt8](repeating: 0, count: Int(pageSize)) }
        let isLogged = loggedPassed < logged.count && logged[loggedPassed].number == number
        do throws(SQLiteError) {
            if isLogged {
                try connection.readWAL(at: Int(logged[loggedPassed].offset), into: &bytes)
            } else {
                try connection.readDatabase(at: (Int(number) - 1) * Int(pageSize), into: &bytes)
            }
        } catch { throw .sqlite(error) }
        if isLogged { loggedPassed += 1 }
        passed = number
        return number
    }

    private static func read(
        _ connection: Connection,
        _ pinned: WALMark
    ) throws(PageImageError) -> (pageSize: UInt32, commit: UInt32, mark: Mark, logged: [WALPage]) {
        let (size, fileSize): (Int, Int)
        do throws(SQLiteError) {
            size = Int(try connection.first("PRAGMA page_size") { $0.integer(0) } ?? 0)
            fileSize = try connection.databaseFileSize()
        } catch { throw .sqlite(error) }
        let commit = pinned.pageCount != 0 ? pinned.pageCount : UInt32((fileSize + size - 1) / size)
        guard commit > 0 else { throw .empty }
        let mark = Mark(
            walOffset: UInt64(WALHeader.size + pinned.frameCount * (WALFrame.headerSize + size)),
            salt1: pinned.salt1,
            salt2: pinned.salt2
        )
        let logged = pinned.isInDatabase ? [] : try readLog(connection, pinned, mark, pageSize: size)
        return (UInt32(size), commit, mark, logged)
    }

    private static func pin(_ path: String) throws(PageImageError) -> (Connection, WALMark) {
        let connection: Connection
        let pinned: WALMark?
        do throws(SQLiteError) {
            connection = try Connection(path, .readOnly)
            pinned = try connection.pinMark()
        } catch { throw .sqlite(error) }
        guard let pinned else { throw .notWAL }
        return (connection, pinned)
    }

    /// Finds the newest version of each page in the log up to the mark.
    private static func readLog(
        _ connection: Connection,
        _ pinned: WALMark,
        _ mark: Mark,
        pageSize: Int
    ) throws(PageImageError) -> [WALPage] {
        var bytes = [UInt8](repeating: 0, count: WALHeader.size)
        try sqlite { () throws(SQLiteError) in try connection.readWAL(at: 0, into: &bytes) }
        guard let header = try? WALHeader(bytes.span), header.pageSize == pageSize, header.salt1 == mark.salt1,
            header.salt2 == mark.salt2
        else { throw .log("its header is not the one in the wal-index") }
        var reader = WALReader(from: WALPosition(startOf: header))
        let pieceBytes = max(1, pieceBytes / header.frameSize) * header.frameSize
        while reader.end == nil, reader.offset < mark.walOffset {
            let count = min(pieceBytes, Int(mark.walOffset - reader.offset))
            if bytes.count != count { bytes = [UInt8](repeating: 0, count: count) }
            try sqlite { () throws(SQLiteError) in try connection.readWAL(at: Int(reader.offset), into: &bytes) }
            reader.read(bytes.span)
        }
        guard reader.position.offset == mark.walOffset,
            reader.position.checksum == WALChecksum(pinned.checksum1, pinned.checksum2)
        else { throw .log("it does not lead to byte \(mark.walOffset), where the wal-index says that it ends") }
        return reader.pages
    }

    private static func sqlite<Value>(_ body: () throws(SQLiteError) -> Value) throws(PageImageError) -> Value {
        do throws(SQLiteError) { return try body() } catch { throw .sqlite(error) }
    }
}
