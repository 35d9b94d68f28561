internal import LZ4

/// Writes one LTX file, page by page, so that every release of Litestream 0.5 restores it.
///
/// Bytes are appended to whatever array the caller passes; it may be emptied between calls. What grows inside is only the
/// index of the pages written, at less than 12 bytes for each.
package struct Encoder: ~Copyable {
    private let header: Header
    private var pages: PageSequence
    private var crc = CRC64()
    private var size: UInt64
    private var index: [UInt8] = []

    /// Begins a file.
    ///
    /// Throws when the header contradicts itself.
    package init(_ header: Header, into output: inout [UInt8]) throws(LTXError) {
        try header.validate()
        precondition(!header.tracksDatabaseChecksum, "Litestream refuses files with database checksums")
        self.header = header
        pages = PageSequence(header)
        let bytes = header.encoded()
        crc.update(bytes.span)
        size = UInt64(bytes.count)
        output.append(contentsOf: bytes)
    }

    /// Appends a page, which must have a higher number than the one before.
    ///
    /// Throws when the format does not allow this page here, and has then written nothing.
    package mutating func append(
        page number: UInt32,
        _ data: Span<UInt8>,
        into output: inout [UInt8]
    ) throws(LTXError) {
        guard data.count == Int(header.pageSize) else {
            throw LTXError(.pageContentSize(page: number, data.count), offset: size)
        }
        if let problem = pages.take(number) { throw LTXError(problem, offset: size) }
        let start = output.count
        PageHeader.appendFrame(number, to: &output)
        crc.update(output.span.extracting(start...))
        crc.update(data)
        LZ4Frame.compress(data, into: &output)
        let frameSize = UInt64(output.count - start)
        PageIndex.appendEntry(page: number, offset: size, size: frameSize, to: &index)
        size += frameSize
    }

    /// Appends what follows the pages, and returns the place in the log where the file ends.
    ///
    /// Throws when a snapshot lacks pages.
    package consuming func finish(into output: inout [UInt8]) throws(LTXError) -> Position {
        if let problem = pages.end() { throw LTXError(problem, offset: size) }
        let start = output.count
        output.append(contentsOf: PageHeader.end)
        output.append(contentsOf: index)
        output.append(contentsOf: PageIndex.end)
        output.append(bigEndian: UInt64(index.count + PageIndex.end.count))
        output.append(bigEndian: 0 as UInt64)  // no checksum of the database
        crc.update(output.span.extracting(start...))
        let checksum = Checksum(crc: crc.value)
        output.append(bigEndian: checksum.rawValue)
        return Position(txid: header.maxTXID, fileChecksum: checksum)
    }
}
