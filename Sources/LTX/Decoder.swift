internal import LZ4

/// Reads one LTX file, from bytes that come in pieces.
///
/// The decoder fetches nothing itself. `next` either has something to tell or asks for input, which `feed` hands over, so
/// the same code reads from memory, from a disk and from an object that arrives in ranges. It holds no more than the
/// piece last fed and one page. Pages are handed on as they come: until `end` they are not known to be right.
package struct Decoder: Sendable {
    package enum Step: Sendable {
        /// Call `feed`, then `next` again.
        case input
        case header(Header)
        case page(Page)
        /// The whole file has been read and every checksum is right.
        case end(Position)
    }

    private enum State {
        case header
        case pageHeader
        case frame(PageContent, LZ4FrameDecoder)
        case block(PageContent, size: Int)
        case index(remaining: UInt64)
        case indexSize
        case trailer
        case end(Position)
    }

    /// A page that is being read.
    private struct PageContent {
        let number: UInt32
        let offset: UInt64
        var data: [UInt8] = []
    }

    /// What the header determines.
    private struct Body {
        let header: Header
        var pages: PageSequence
        var databaseChecksum = Checksum.emptyDatabase
    }

    private var state = State.header
    private var body: Body?
    private var crc = CRC64()

    private var expectedIndexSize: UInt64 = 0
    private var expectedIndexCRC = CRC64()
    private var indexCRC = CRC64()

    private var buffer: [UInt8] = []
    private var consumed = 0
    /// The piece last fed, while `buffer` ends with the first `bridged` bytes of it and begins with what was left before.
    private var piece: [UInt8] = []
    private var bridged = 0
    private var offset: UInt64 = 0
    private var inputHasEnded = false
    private var failure: LTXError?

    package init() {}

    /// Hands over the next bytes of the file; none at all say that it has ended.
    package mutating func feed(_ bytes: [UInt8]) {
        precondition(!inputHasEnded, "there is nothing after the end")
        guard !bytes.isEmpty else {
            inputHasEnded = true
            return
        }
        while goOn() {}
        if consumed == buffer.count {
            buffer = bytes
        } else if bytes.count <= Self.bridgeSize {
            buffer.removeFirst(consumed)
            buffer.append(contentsOf: bytes)
        } else {
            // Not `removeFirst`, which would keep the memory of a whole piece for what is left of it.
            buffer = Array(buffer[consumed...])
            piece = bytes
        }
        consumed = 0
    }

    /// Makes more of the piece readable; false if all of it is.
    ///
    /// What stands across two pieces is put together in a buffer of its own, and behind it the piece is read where it
    /// is: pieces are large, and copying each whole to add it to a few bytes costs more than decompressing it.
    private mutating func goOn() -> Bool {
        guard !piece.isEmpty else { return false }
        if bridged > 0, unreadCount <= bridged {
            (consumed, buffer) = (bridged - unreadCount, piece)
            (piece, bridged) = ([], 0)
        } else {
            let more = min(max(Self.bridgeSize, bridged), piece.count - bridged)
            buffer.append(contentsOf: piece[bridged..<(bridged + more)])
            bridged += more
            if bridged == piece.count { (piece, bridged) = ([], 0) }
        }
        return true
    }

    /// Enough for what stands across two pieces, as a rule; otherwise it is doubled.
    private static let bridgeSize = 16 << 10

    /// Reads on, as far as the next thing worth telling.
    ///
    /// After an error there is only that error: what follows damage must not pass for pages.
    package mutating func next() throws(LTXError) -> Step {
        if let failure { throw failure }
        do {
            while true {
                if let step = try advance() { return step }
            }
        } catch {
            failure = error
            throw error
        }
    }

    /// Does one step of the format, and returns nil where that one has nothing to tell.
    private mutating func advance() throws(LTXError) -> Step? {
        switch state {
        case .header: try readHeader()
        case .pageHeader: try readPageHeader()
        case .frame(let content, let decoder): try readFrame(content, decoder)
        case .block(let content, let size): try readBlock(content, size: size)
        case .index(let remaining): try readIndex(remaining: remaining)
        case .indexSize: try readIndexSize()
        case .trailer: try readTrailer()
        case .end(let position): try readEnd(position)
        }
    }

    // MARK: The parts of a file

    private mutating func readHeader() throws(LTXError) -> Step? {
        guard unreadCount >= Header.size else { return try needInput() }
        let bytes = buffer
        let header = try Header(bytes.span.extracting(consumed...))
        body = Body(header: header, pages: PageSequence(header))
        consume(Header.size)
        state = .pageHeader
        return .header(header)
    }

    private mutating func readPageHeader() throws(LTXError) -> Step? {
        let header = try PageHeader(buffer.span.extracting(consumed...), offset: offset)
        guard let header else { return try needInput() }
        guard header.number != 0 else {
            if let problem = body?.pages.end() { throw LTXError(problem, offset: offset) }
            consume(PageHeader.size)
            addExpectedIndex(PageIndex.end)
            state = .index(remaining: expectedIndexSize)
            return nil
        }
        if let problem = body?.pages.take(header.number) { throw LTXError(problem, offset: offset) }
        let content = PageContent(number: header.number, offset: offset)
        switch header.encoding {
        case .frame: state = .frame(content, LZ4FrameDecoder(contentSizeMax: UInt64(pageSize)))
        case .block(let size):
            let sizeMax = LZ4Block.sizeMax(for: pageSize)
            guard size <= sizeMax else { throw damaged(content, .blockSize(size, sizeMax: sizeMax)) }
            state = .block(content, size: size)
        }
        consume(header.encodedSize)
        return nil
    }

    private mutating func readFrame(_ content: PageContent, _ decoder: LZ4FrameDecoder) throws(LTXError) -> Step? {
        var (content, decoder) = (content, decoder)
        state = .pageHeader  // gives up the state's reference to the content, which is appended to below
        repeat {
            let size: Int
            do {
                size = try decoder.decode(buffer.span.extracting(consumed...), into: &content.data)
            } catch {
                throw damaged(content, error)
            }
            guard size > 0 else {
                state = .frame(content, decoder)
                return try needInput()
            }
            skip(size)
        } while !decoder.isComplete
        return try finish(content)
    }

    private mutating func readBlock(_ content: PageContent, size: Int) throws(LTXError) -> Step? {
        guard unreadCount >= size else { return try needInput() }
        var content = content
        let bytes = buffer
        do {
            let block = bytes.span.extracting(consumed..<(consumed + size))
            _ = try LZ4Block.decompress(block, into: &content.data, contentSizeMax: pageSize)
        } catch {
            throw damaged(content, error)
        }
        skip(size)
        return try finish(content)
    }

    private mutating func finish(_ content: PageContent) throws(LTXError) -> Step {
        guard content.data.count == pageSize else {
            throw LTXError(.pageContentSize(page: content.number, content.data.count), offset: content.offset)
        }
        crc.update(content.data.span)
        var entry: [UInt8] = []
        PageIndex.appendEntry(page: content.number, offset: content.offset, size: offset - content.offset, to: &entry)
        addExpectedIndex(entry)
        if let body, body.header.tracksDatabaseChecksum, body.header.isSnapshot {
            self.body?.databaseChecksum.toggle(.page(content.number, content.data.span))
        }
        state = .pageHeader
        return .page(Page(number: content.number, data: content.data))
    }

    private mutating func readIndex(remaining: UInt64) throws(LTXError) -> Step? {
        guard unreadCount > 0 else { return try needInput() }
        let size = Int(min(remaining, UInt64(unreadCount)))
        let bytes = buffer
        indexCRC.update(bytes.span.extracting(consumed..<(consumed + size)))
        consume(size)
        guard UInt64(size) == remaining else {
            state = .index(remaining: remaining - UInt64(size))
            return nil
        }
        guard indexCRC.value == expectedIndexCRC.value else {
            throw LTXError(.index, offset: offset - expectedIndexSize)
        }
        state = .indexSize
        return nil
    }

    private mutating func readIndexSize() throws(LTXError) -> Step? {
        guard unreadCount >= 8 else { return try needInput() }
        let size: UInt64 = buffer.span.bigEndian(at: consumed)
        guard size == expectedIndexSize else { throw LTXError(.indexSize(size), offset: offset) }
        consume(8)
        state = .trailer
        return nil
    }

    private mutating func readTrailer() throws(LTXError) -> Step? {
        guard unreadCount >= Trailer.size, let body else { return try needInput() }
        let trailer = try Trailer(buffer.span.extracting(consumed...), header: body.header, offset: offset)
        consume(Trailer.checkedSize)
        guard trailer.fileChecksum == Checksum(crc: crc.value) else { throw LTXError(.fileChecksum, offset: offset) }
        skip(Trailer.size - Trailer.checkedSize)
        // Only for a snapshot is the whole database in the file.
        if let promised = trailer.postApplyChecksum, body.header.isSnapshot, promised != body.databaseChecksum {
            throw LTXError(.databaseChecksum, offset: offset - UInt64(Trailer.size))
        }
        state = .end(Position(txid: body.header.maxTXID, fileChecksum: trailer.fileChecksum))
        return nil
    }

    private mutating func readEnd(_ position: Position) throws(LTXError) -> Step? {
        guard !goOn() else { return nil }
        guard unreadCount == 0 else { throw LTXError(.trailingBytes, offset: offset) }
        return inputHasEnded ? .end(position) : .input
    }

    private mutating func addExpectedIndex(_ bytes: [UInt8]) {
        expectedIndexCRC.update(bytes.span)
        expectedIndexSize += UInt64(bytes.count)
    }

    // MARK: Input

    private var unreadCount: Int { buffer.count - consumed }

    private var pageSize: Int { Int(body?.header.pageSize ?? 0) }

    /// Goes past bytes that the file's checksum covers as they are.
    private mutating func consume(_ size: Int) {
        let bytes = buffer
        crc.update(bytes.span.extracting(consumed..<(consumed + size)))
        skip(size)
    }

    /// Goes past bytes that it covers in another form, or not at all.
    private mutating func skip(_ size: Int) {
        consumed += size
        offset += UInt64(size)
    }

    /// Asks for input, unless the piece has more.
    private mutating func needInput() throws(LTXError) -> Step? {
        guard !goOn() else { return nil }
        guard !inputHasEnded else { throw LTXError(.truncated, offset: offset + UInt64(unreadCount)) }
        return .input
    }

    private func damaged(_ content: PageContent, _ error: LZ4Error) -> LTXError {
        LTXError(.pageData(page: content.number, error), offset: content.offset)
    }
}
