/// A place between two transactions in a WAL file, from which reading can go on.
package struct WALPosition: Hashable, Sendable {
    /// The header of the log that the place is in.
    package let header: WALHeader
    /// How many bytes are before the place.
    package let offset: UInt64
    /// The running checksum up to there, which the next frame continues.
    package let checksum: WALChecksum

    package init(header: WALHeader, offset: UInt64, checksum: WALChecksum) {
        self.header = header
        self.offset = offset
        self.checksum = checksum
    }

    /// The place before the first frame.
    package init(startOf header: WALHeader) {
        self.init(header: header, offset: UInt64(WALHeader.size), checksum: header.checksum)
    }

    /// Whether the file still holds the log that this place is in; if not, the log was started over.
    ///
    /// `header` is what the file begins with now.
    package func isInLog(of header: WALHeader) -> Bool {
        self.header == header
    }

    /// Whether the transaction before this place is still there.
    ///
    /// SQLite may have started the log over and not come as far yet. `frame` is what now begins one frame before the place.
    package func follows(_ frame: WALFrame) -> Bool {
        frame.checksum == checksum && frame.salt1 == header.salt1 && frame.salt2 == header.salt2 && frame.commit > 0
    }
}
