package import WAL

/// One WAL file of a Litestream 0.3 replica, joined from its segments.
///
/// Stricter than Litestream 0.3, which lets SQLite stop at the first frame that is not right and reports success: here each
/// byte of each segment must be there, continue the log, and end with a whole frame.
package struct SegmentedWAL: Sendable {
    /// The size of a page as the snapshot has it.
    private let pageSize: Int
    private var segment: GenerationObject?
    private var segmentStart: UInt64 = 0
    /// What has been read and was not yet a whole frame.
    private var unread: [UInt8] = []
    private var size: UInt64 = 0
    private var reader: WALReader?

    package init(pageSize: Int) {
        self.pageSize = pageSize
    }

    /// Says that the bytes now following are those of `segment`.
    ///
    /// Throws when it does not begin where the one before ended.
    package mutating func begin(_ segment: GenerationObject) throws(GenerationError) {
        try checkEnd()
        guard case .segment(let offset) = segment.kind, offset == size else {
            throw .segmentGap(segment, expected: size)
        }
        self.segment = segment
        segmentStart = size
    }

    /// Takes in unpacked bytes of the segment, whose place in the WAL is after those before.
    package mutating func read(_ bytes: [UInt8]) throws(GenerationError) {
        guard let segment else { preconditionFailure("begin comes first") }
        size += UInt64(bytes.count)
        unread.append(contentsOf: bytes)
        if reader == nil, unread.count >= WALHeader.size {
            reader = WALReader(from: WALPosition(startOf: try header(of: segment)))
            unread.removeFirst(WALHeader.size)
        }
        guard var reader else { return }
        let before = reader.offset
        reader.read(unread.span)
        unread.removeFirst(Int(reader.offset - before))
        self.reader = reader
        if let end = reader.end { throw .walFrame(segment, offset: reader.offset, end) }
    }

    /// What the whole WAL file has committed, once its last segment has been read.
    ///
    /// The places of the pages are those in the joined segments. Nil if there was no segment.
    package func finish() throws(GenerationError) -> WALReader? {
        try checkEnd()
        return reader
    }

    private func header(of segment: GenerationObject) throws(GenerationError) -> WALHeader {
        let header: WALHeader
        do {
            header = try WALHeader(unread.span)
        } catch {
            throw .walHeader(segment, error)
        }
        guard header.pageSize == pageSize else {
            throw .pageSize(segment, header.pageSize, expected: pageSize)
        }
        return header
    }

    private func checkEnd() throws(GenerationError) {
        guard let segment else { return }
        guard size > segmentStart, reader != nil, unread.isEmpty else { throw .walFrameCutOff(segment) }
    }
}
