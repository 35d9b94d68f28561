package import LTX
internal import WAL

/// A transaction as the log has it.
package struct ShippedFile: Sendable {
    /// More than the format adds to each page, and to the file.
    private static let pageOverhead = 64

    package let position: Position
    package let bytes: [UInt8]

    /// Encodes what the frames change.
    ///
    /// The first transaction of a log holds every page, also those that were never in the WAL: page 1 of a new database is
    /// written before there is one.
    init(_ header: Header, _ frames: NewFrames) throws {
        var logged = frames.pages[...]
        let pageCount = header.isSnapshot ? Int(header.commit) : logged.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Header.size + (pageCount + 1) * (frames.pageSize + Self.pageOverhead))
        var encoder = try Encoder(header, into: &bytes)
        if header.isSnapshot {
            for number in 1...header.commit where number != header.lockPage {
                if let page = logged.first, page.number == number {
                    logged.removeFirst()
                    try frames.append(page, to: &encoder, into: &bytes)
                } else {
                    try frames.appendUnlogged(number, to: &encoder, into: &bytes)
                }
            }
        } else {
            for page in logged { try frames.append(page, to: &encoder, into: &bytes) }
        }
        position = try encoder.finish(into: &bytes)
        self.bytes = bytes
    }

    /// Encodes pages, which come in ascending order.
    init(_ header: Header, pages: [(number: UInt32, bytes: [UInt8])]) throws(LTXError) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Header.size + (pages.count + 1) * (Int(header.pageSize) + Self.pageOverhead))
        var encoder = try Encoder(header, into: &bytes)
        for page in pages { try encoder.append(page: page.number, page.bytes.span, into: &bytes) }
        position = try encoder.finish(into: &bytes)
        self.bytes = bytes
    }
}
