internal import Files
internal import LTX
internal import SQLite
internal import WAL

/// Follows one database that other programs write, and takes what they commit from its log.
///
/// What makes this safe is one read transaction, the pin, that is open at all times. SQLite starts a log over only when
/// all of it is in the database file and nobody reads in it. So below a pin
/// - either it holds a read mark, and the log is not started over;
/// - or everything up to the pin was in the database already (read mark 0), and nothing behind it gets there: then the log
///   can be started over only right at the pin, and once.
///
/// A log that was started over therefore goes on where we are if, and only if, we are where the pin is. The pin moves by
/// a second connection that pins before the first lets go. Whatever else is seen, such as after a restart of ours, is
/// doubt; and doubt means that the replicas get a full file.
///
/// Used by one thread.
final class DatabaseTail {
    struct Settings: Sendable {
        var path: String
        /// Where the record and the staged files are.
        var folder: String
        var stagedBytesMax = 256 << 20
        /// The most of the log in one file, cut where a transaction ends.
        var logBytesMax = 64 << 20
        /// Pages in the log that make a checkpoint due.
        var checkpointPages = 1000
        /// Pages in the log that make it worth to cut the file itself.
        var truncatePages = 121_359
        var checkpointInterval = Duration.seconds(60)
        var busyTimeout = Duration.seconds(1)
    }

    /// The open files; gone when the database is.
    private struct Connections {
        /// Has the pin.
        var pinned: Connection
        /// Pins next, and makes the checkpoints.
        var spare: Connection
        /// Keeps others from writing, for moments.
        let writer: Connection
        /// Where the pin is.
        var pin: TailPlace
        let inode: UInt64
        let pageSize: Int
    }

    let settings: Settings
    private let lock: WorkFile
    private var open: Connections?
    private(set) var staging: Staging
    /// Whose sequence numbers they are.
    let lineage: UInt64
    /// How far we are; nil before the first look, and in doubt.
    private var record: TailRecord?
    /// Whether our place was reached under the pin; what is on disk must be proved first.
    private var isProven = false
    /// What the wal-index counted at our place; nil where we did not see that.
    private var changeCounter: UInt32?
    private var lastCheckpoint = ContinuousClock.now
    /// The log must have grown to this many frames before another checkpoint is tried.
    private var checkpointFrames = 0

    private let now: () -> Int64
    private let report: (TailEvent) -> Void

    /// Takes the folder of the database's state, which only one process may use.
    init(
        _ settings: Settings,
        now: @escaping () -> Int64,
        report: @escaping (TailEvent) -> Void
    ) throws(TailError) {
        self.settings = settings
        (self.now, self.report) = (now, report)
        let lockPath = "\(settings.folder)/lock"
        let lock = try Attempt.file { () throws(FileError) in
            try Files.createFolder(settings.folder)
            return try WorkFile(taking: lockPath)
        }
        guard let lock else { throw .taken(path: lockPath) }
        self.lock = lock
        let record = TailRecord(at: "\(settings.folder)/position")
        var staging = Staging(folder: "\(settings.folder)/staged", bytesMax: settings.stagedBytesMax)
        do throws(FileError) { try staging.open(upTo: record?.sequence) } catch { throw .file(error) }
        (self.record, self.staging) = (record, staging)
        lineage = record?.lineage ?? .random(in: .min ... .max)
    }

    /// The number of the newest state that was taken; 0 before the first.
    var sequence: UInt64 { record?.sequence ?? 0 }

    // MARK: What happens at each look

    /// Takes what was committed since the last look.
    ///
    /// An idle database costs a look into memory.
    func look() throws(TailError) {
        do throws(TailError) {
            let connections = try opened()
            guard let mark = try currentMark(connections) else { return }
            if isProven, let record, record.place == TailPlace(endOf: mark) { return }
            guard try take(upTo: mark, connections) else { return try pinAnew(connections) }
        } catch {
            close()
            throw error
        }
    }

    /// Makes a checkpoint if one is due.
    func checkpointIfDue() throws(TailError) {
        guard let connections = open, let mark = try currentMark(connections), !mark.isInDatabase else { return }
        if mark.frameCount < checkpointFrames { checkpointFrames = 0 }
        let isLarge = mark.frameCount >= max(settings.checkpointPages, checkpointFrames)
        let isOld = ContinuousClock.now - lastCheckpoint >= settings.checkpointInterval
        guard isLarge || isOld else { return }
        let start = ContinuousClock.now
        do throws(TailError) {
            let isComplete = try checkpoint(connections)
            checkpointFrames = isComplete ? 0 : mark.frameCount + settings.checkpointPages
            report(.checkpoint(isComplete: isComplete, seconds: (ContinuousClock.now - start) / .seconds(1)))
        } catch {
            report(.checkpointFailed(error))
            close()
            throw error
        }
        lastCheckpoint = .now
    }

    /// Writes all pages, as of now, into a file with this header's numbers.
    ///
    /// - Returns: What the file holds, as ``sequence`` counts it.
    func writeFullFile(
        to path: String,
        txid: TXID
    ) throws(TailError) -> FullFile {
        do throws(TailError) {
            var connections = try opened()
            guard let mark = try Attempt.sqlite({ () throws(SQLiteError) in try connections.spare.pinMark() }) else {
                throw TailError.pages(.notWAL)
            }
            // While the old pin is held: what lies between the two is for the other replicas.
            if try !take(upTo: mark, connections) { try begin(at: mark, connections) }
            try swap(&connections, to: mark)
            guard let record else { preconditionFailure("a place was just taken") }
            return try writeImage(connections, mark, record, to: path, txid)
        } catch {
            close()
            throw error
        }
    }

    /// Pins the database for a snapshot, and takes everything that it will hold.
    func pinnedImage() throws(TailError) -> PinnedImage {
        let connections = try opened()
        let connection: Connection
        let mark: WALMark?
        do throws(SQLiteError) {
            connection = try Connection(settings.path, .readOnly)
            mark = try connection.pinMark()
        } catch { throw .sqlite(error) }
        guard let mark else { throw .pages(.notWAL) }
        guard try take(upTo: mark, connections), let record else {
            try pinAnew(connections)
            throw .pages(.log("something was missed"))
        }
        let image: PageImage
        do throws(PageImageError) { image = try PageImage(connection, mark) } catch { throw .pages(error) }
        return PinnedImage(image, sequence: record.sequence)
    }

    /// Lets go of the database; the next look opens it again.
    func close() { (open, isProven) = (nil, false) }

    func forget(upTo sequence: UInt64) throws(TailError) {
        do throws(FileError) { try staging.remove(upTo: sequence) } catch { throw .file(error) }
    }

    // MARK: Taking

    /// Takes the transactions between our place and `mark`, which a pin keeps where they are.
    ///
    /// - Returns: False where it is not certain that nothing is missing; then nothing was taken.
    private func take(upTo mark: WALMark, _ connections: Connections) throws(TailError) -> Bool {
        let end = TailPlace(endOf: mark)
        guard var record, record.inode == connections.inode, Int(record.pageSize) == connections.pageSize else {
            return false
        }
        var place = record.place
        guard isProven || place.isNamed && place.isInLog(of: end) else {
            return doubt("the log was started over while nobody looked")
        }
        if place == end {
            isProven = true
            return true
        }
        if !place.isInLog(of: end) {
            guard place == connections.pin else { return doubt("the log was started over elsewhere than where we are") }
            place = TailPlace(startOf: end)
        }
        guard place.frameCount <= end.frameCount else { return doubt("the log is shorter than it was") }
        guard end.frameCount > 0 else {
            // Started over, and nothing in it yet.
            record.place = end
            try save(record)
            return true
        }
        let start = ContinuousClock.now
        let range = try LogRange.between(place, end, in: connections.pinned, pageSize: connections.pageSize)
        guard let range else { return doubt("the log does not go on where we are") }
        return try take(range, mark, record, connections, start)
    }

    private func take(
        _ range: LogRange,
        _ mark: WALMark,
        _ record: TailRecord,
        _ connections: Connections,
        _ start: ContinuousClock.Instant
    ) throws(TailError) -> Bool {
        var (range, record) = (range, record)
        var entries: [Staging.Entry] = []
        var transactionCount = 0
        let from = record.place
        while let piece = try range.next(bytesMax: settings.logBytesMax) {
            record.sequence += 1
            record.timestampMilliseconds = max(record.timestampMilliseconds, now())
            let byteCount = try writeIncrement(piece, record, connections)
            transactionCount += piece.transactionCount
            record.commit = piece.commit
            entries.append(
                Staging.Entry(
                    sequence: record.sequence,
                    byteCount: byteCount,
                    timestampMilliseconds: record.timestampMilliseconds
                )
            )
        }
        guard range.isComplete else { return doubt("the log does not lead to where it ends") }
        // Padded commits count twice, so there may be more of them.
        if let changeCounter, transactionCount < Int(mark.changeCounter &- changeCounter) {
            return doubt("the log has fewer transactions than were committed")
        }
        record.place = TailPlace(endOf: mark)
        try save(record)
        (isProven, changeCounter) = (true, mark.changeCounter)
        for entry in entries {
            do throws(FileError) { try staging.add(entry) } catch { throw .file(error) }
        }
        let frames = record.place.frameCount - (from.isInLog(of: record.place) ? from.frameCount : 0)
        report(
            .taken(
                transactionCount: transactionCount,
                logBytes: frames * (WALFrame.headerSize + connections.pageSize),
                seconds: (ContinuousClock.now - start) / .seconds(1)
            )
        )
        return true
    }

    private func writeIncrement(
        _ piece: LogRange.Piece,
        _ record: TailRecord,
        _ connections: Connections
    ) throws(TailError) -> Int {
        let txid = TXID(rawValue: record.sequence)
        let header = Header(
            pageSize: record.pageSize,
            commit: piece.commit,
            minTXID: txid,
            maxTXID: txid,
            timestampMilliseconds: record.timestampMilliseconds,
            walOffset: piece.offset,
            walSize: piece.byteCount,
            walSalt1: piece.salt1,
            walSalt2: piece.salt2
        )
        let writer = try LTXFileWriter(at: staging.temporaryPath, header)
        var bytes = [UInt8](repeating: 0, count: connections.pageSize)
        // SQLite does not write new pages that are free: what the file has there will do.
        var grown = record.commit + 1
        for page in piece.pages {
            try writeGrowth(grown..<max(grown, page.number), connections, &bytes, writer)
            do throws(SQLiteError) {
                try connections.pinned.readWAL(at: Int(page.offset), into: &bytes)
            } catch { throw .sqlite(error) }
            try writer.append(page: page.number, bytes.span)
            grown = max(grown, page.number + 1)
        }
        try writeGrowth(grown..<max(grown, piece.commit + 1), connections, &bytes, writer)
        let byteCount = try writer.finish().byteCount
        do throws(FileError) { try staging.keep(record.sequence) } catch { throw .file(error) }
        return byteCount
    }

    private func writeGrowth(
        _ pages: Range<UInt32>,
        _ connections: Connections,
        _ bytes: inout [UInt8],
        _ writer: LTXFileWriter
    ) throws(TailError) {
        for number in pages where number != Header.lockPage(pageSize: UInt32(connections.pageSize)) {
            let place = (Int(number) - 1) * connections.pageSize
            do throws(SQLiteError) {
                try connections.pinned.readDatabase(at: place, into: &bytes)
            } catch { throw .sqlite(error) }
            try writer.append(page: number, bytes.span)
        }
    }

    private func writeImage(
        _ connections: Connections,
        _ mark: WALMark,
        _ record: TailRecord,
        to path: String,
        _ txid: TXID
    ) throws(TailError) -> FullFile {
        var image: PageImage
        do throws(PageImageError) { image = try PageImage(connections.pinned, mark) } catch { throw .pages(error) }
        let frameSize = WALFrame.headerSize + connections.pageSize
        let header = image.header(
            minTXID: txid,
            maxTXID: txid,
            timestampMilliseconds: record.timestampMilliseconds,
            // As Litestream has it: the last frame that is in the file.
            walOffset: UInt64(WALHeader.size + max(0, mark.frameCount - 1) * frameSize),
            walSize: mark.frameCount == 0 ? 0 : UInt64(frameSize),
            // Where nothing is told of the log, salts would be taken for a checksum.
            walSalts: mark.frameCount == 0 ? (0, 0) : (mark.salt1, mark.salt2)
        )
        let writer = try LTXFileWriter(at: path, header)
        var bytes: [UInt8] = []
        while let number = try Self.next(&image, &bytes) { try writer.append(page: number, bytes.span) }
        let (position, byteCount) = try writer.finish()
        return FullFile(
            sequence: record.sequence,
            position: position,
            byteCount: byteCount,
            timestampMilliseconds: record.timestampMilliseconds,
            pageSize: record.pageSize
        )
    }

    private static func next(_ image: inout PageImage, _ bytes: inout [UInt8]) throws(TailError) -> UInt32? {
        do throws(PageImageError) { return try image.next(into: &bytes) } catch { throw .pages(error) }
    }

    // MARK: The pin

    private func opened() throws(TailError) -> Connections {
        if let open {
            guard try Attempt.sqlite({ () throws(SQLiteError) in try open.pinned.hasMoved() }) else { return open }
            close()
        }
        guard let inode = try Attempt.file({ () throws(FileError) in try Files.inode(of: settings.path) }) else {
            throw .missing
        }
        let connections = try Attempt.sqlite { () throws(SQLiteError) -> Connections? in
            let (pinned, spare, writer) = (try connection(), try connection(), try connection())
            guard let mark = try pinned.pinMark() else { return nil }
            let pageSize = Int(try pinned.first("PRAGMA page_size") { $0.integer(0) } ?? 0)
            return Connections(
                pinned: pinned,
                spare: spare,
                writer: writer,
                pin: TailPlace(endOf: mark),
                inode: inode,
                pageSize: pageSize
            )
        }
        guard let connections else { throw .pages(.notWAL) }
        open = connections
        (isProven, changeCounter) = (false, nil)
        report(.following(pageSize: connections.pageSize))
        return connections
    }

    private func connection() throws(SQLiteError) -> Connection {
        let connection = try Connection(settings.path, .following)
        let (seconds, attoseconds) = settings.busyTimeout.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        try connection.setBusyTimeout(milliseconds: Int32(clamping: milliseconds))
        return connection
    }

    /// Nil while somebody commits: there will be another look.
    private func currentMark(_ connections: Connections) throws(TailError) -> WALMark? {
        for _ in 0..<Self.markAttemptsMax {
            if let mark = try Attempt.sqlite({ () throws(SQLiteError) in try connections.pinned.walMark() }) {
                return mark
            }
        }
        return nil
    }

    /// Begins anew where the database is now, after what was missed.
    private func pinAnew(_ connections: Connections) throws(TailError) {
        var connections = connections
        guard let mark = try Attempt.sqlite({ () throws(SQLiteError) in try connections.spare.pinMark() }) else {
            throw .pages(.notWAL)
        }
        try swap(&connections, to: mark)
        try begin(at: mark, connections)
    }

    /// Lets the spare connection, which has pinned `mark`, be the one with the pin.
    private func swap(_ connections: inout Connections, to mark: WALMark) throws(TailError) {
        do throws(SQLiteError) { try connections.pinned.rollback() } catch { throw .sqlite(error) }
        (connections.pinned, connections.spare) = (connections.spare, connections.pinned)
        connections.pin = TailPlace(endOf: mark)
        open = connections
    }

    /// Goes on from `mark`; no staged file leads there.
    private func begin(at mark: WALMark, _ connections: Connections) throws(TailError) {
        var commit = mark.pageCount
        if commit == 0 {
            // Nothing was ever in the log: the file's size tells.
            let size = try Attempt.sqlite { () throws(SQLiteError) in try connections.pinned.databaseFileSize() }
            commit = UInt32((size + connections.pageSize - 1) / connections.pageSize)
        }
        let record = TailRecord(
            lineage: lineage,
            sequence: sequence + 1,
            inode: connections.inode,
            pageSize: UInt32(connections.pageSize),
            commit: commit,
            place: TailPlace(endOf: mark),
            timestampMilliseconds: max(record?.timestampMilliseconds ?? 0, now())
        )
        try save(record)
        (isProven, changeCounter) = (true, mark.changeCounter)
        try forget(upTo: record.sequence)
    }

    private func doubt(_ reason: String) -> Bool {
        report(.doubt(reason))
        return false
    }

    private func save(_ record: TailRecord) throws(TailError) {
        do throws(FileError) { try record.save(at: "\(settings.folder)/position") } catch { throw .file(error) }
        self.record = record
    }

    // MARK: Checkpoints

    /// Moves the log into the database.
    ///
    /// Most of it while everybody works; others wait only for what came meanwhile.
    ///
    /// - Returns: Whether the next who writes starts the log over.
    private func checkpoint(_ connections: Connections) throws(TailError) -> Bool {
        var connections = connections
        guard let mark = try Attempt.sqlite({ () throws(SQLiteError) in try connections.spare.pinMark() }) else {
            throw .pages(.notWAL)
        }
        guard try take(upTo: mark, connections) else {
            try swap(&connections, to: mark)
            try begin(at: mark, connections)
            return false
        }
        try swap(&connections, to: mark)
        guard try moveLog(connections.spare) else { return false }
        let isComplete = try finishCheckpoint(&connections)
        guard isComplete,
            try Attempt.sqlite({ () throws(SQLiteError) in try connections.pinned.walFileSize() })
                > settings.truncatePages * (WALFrame.headerSize + connections.pageSize)
        else { return isComplete }
        // Everything is in the database, so this cannot lose anything; others may be busy, so it can fail.
        do throws(SQLiteError) { try connections.spare.checkpoint(.truncating) } catch {
            report(.checkpointFailed(.sqlite(error)))
        }
        return isComplete
    }

    /// Moves what nobody stands in the way of; false while somebody else is at it.
    private func moveLog(_ connection: Connection) throws(TailError) -> Bool {
        do throws(SQLiteError) { try connection.checkpoint(.passive) } catch {
            guard error.isBusy else { throw .sqlite(error) }
            return false
        }
        return true
    }

    /// The part of a checkpoint during which nobody can write.
    private func finishCheckpoint(_ connections: inout Connections) throws(TailError) -> Bool {
        // Shortens what is left to do under the lock.
        if let mark = try currentMark(connections), try !take(upTo: mark, connections) {
            try pinAnew(connections)
            return false
        }
        do throws(SQLiteError) { try connections.writer.begin() } catch {
            // Somebody has been writing for longer than we wait.
            guard error.isBusy else { throw .sqlite(error) }
            return false
        }
        defer { try? connections.writer.rollback() }
        guard let end = try currentMark(connections), try take(upTo: end, connections) else {
            try pinAnew(connections)
            return false
        }
        do throws(SQLiteError) { try connections.pinned.rollback() } catch { throw .sqlite(error) }
        _ = try moveLog(connections.spare)
        guard let mark = try Attempt.sqlite({ () throws(SQLiteError) in try connections.pinned.pinMark() }) else {
            throw .pages(.notWAL)
        }
        connections.pin = TailPlace(endOf: mark)
        open = connections
        return mark.isInDatabase
    }

    /// Whoever writes the header of the wal-index does so within microseconds.
    private static let markAttemptsMax = 1000
}
