/// Where the newest version of a page is in a WAL file.
package struct WALPage: Hashable, Sendable {
    /// Counted from 1.
    package let number: UInt32
    /// The place of the page's first byte in the file.
    package let offset: UInt64
}

/// One pass over a WAL file, from a position to the end of what is committed.
///
/// Bytes go in, places come out: pages stay where they are, so a pass over a large log needs memory for their numbers
/// only. What is not committed is never told, and leaves nothing behind: SQLite may overwrite it, so the next pass starts
/// at `position` again.
package struct WALReader: Sendable {
    /// Why the log ends before the bytes do.
    ///
    /// None of these is an error: a log that was started over ends in frames of the one before, and a crash leaves torn
    /// ones. SQLite's own recovery stops at the same places.
    package enum End: Equatable, Sendable {
        /// A frame of another log, or none at all.
        case salts
        /// A frame that says "page 0", which does not exist.
        case pageZero
        /// A frame that does not continue the running checksum: torn, overwritten, or left by a rollback.
        case checksum
    }

    /// The place after the last transaction that is complete.
    package private(set) var position: WALPosition
    /// Where the bytes for the next `read` have to begin.
    package private(set) var offset: UInt64
    /// Why nothing more can be read, once that is so.
    package private(set) var end: End?
    /// How many transactions were completed in this pass.
    package private(set) var transactionCount = 0
    /// The size of the database in pages, after the last of them; zero if there was none.
    package private(set) var commit: UInt32 = 0

    private var checksum: WALChecksum
    private var committed: [UInt32: UInt64] = [:]
    /// The frames of a transaction whose end has not come yet.
    private var pending: [WALPage] = []

    package init(from position: WALPosition) {
        self.position = position
        offset = position.offset
        checksum = position.checksum
    }

    /// The pages that the completed transactions changed, in ascending order and each in its newest version.
    ///
    /// Pages that a transaction cut off again are left out. When the database grows, SQLite need not write every new
    /// page: those missing here are in the database file, or zero.
    package var pages: [WALPage] {
        committed.lazy
            .filter { $0.key <= commit }
            .map { WALPage(number: $0.key, offset: $0.value) }
            .sorted { $0.number < $1.number }
    }

    /// Reads all whole frames in `bytes`, which begin at `offset` in the file.
    ///
    /// Afterwards `offset` is where the first frame begins that is not there in full, or does not belong to the log.
    package mutating func read(_ bytes: Span<UInt8>) {
        let header = position.header
        var at = 0
        while end == nil, bytes.count - at >= header.frameSize {
            read(frame: bytes.extracting(at..<(at + header.frameSize)), header)
            at += header.frameSize
        }
    }

    private mutating func read(frame bytes: Span<UInt8>, _ header: WALHeader) {
        guard let frame = WALFrame(bytes) else { preconditionFailure("a frame is longer than its header") }
        guard frame.salt1 == header.salt1, frame.salt2 == header.salt2 else {
            end = .salts
            return
        }
        guard frame.pageNumber != 0 else {
            end = .pageZero
            return
        }
        var computed = checksum
        computed.update(bytes.extracting(..<WALFrame.checkedSize), header.byteOrder)
        computed.update(bytes.extracting(WALFrame.headerSize...), header.byteOrder)
        guard computed == frame.checksum else {
            end = .checksum
            return
        }
        checksum = computed
        pending.append(WALPage(number: frame.pageNumber, offset: offset + UInt64(WALFrame.headerSize)))
        offset += UInt64(header.frameSize)
        guard frame.commit != 0 else { return }
        for page in pending { committed[page.number] = page.offset }
        pending.removeAll(keepingCapacity: true)
        commit = frame.commit
        transactionCount += 1
        position = WALPosition(header: header, offset: offset, checksum: checksum)
    }
}
