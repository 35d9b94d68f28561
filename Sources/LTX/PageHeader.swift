/// What stands before each page of a file.
struct PageHeader {
    enum Encoding {
        /// A complete LZ4 frame, which ends itself: what Litestream 0.5.0 to 0.5.15 write, and all releases read.
        case frame
        /// A bare LZ4 block of this size: what Litestream writes since 0.5.16.
        case block(size: Int)
    }

    /// The header without the size of a block.
    static let size = 6
    static let blockSizeSize = 4
    /// In the place of a header: there are no more pages.
    static let end = [UInt8](repeating: 0, count: size)

    private static let blockFlag: UInt16 = 1

    let number: UInt32
    let encoding: Encoding

    /// Reads a header, or nil where `bytes` must go on.
    init?(_ bytes: Span<UInt8>, offset: UInt64) throws(LTXError) {
        guard bytes.count >= Self.size else { return nil }
        number = bytes.bigEndian(at: 0)
        let flags: UInt16 = bytes.bigEndian(at: 4)
        guard flags & ~Self.blockFlag == 0 else { throw LTXError(.pageFlags(flags), offset: offset + 4) }
        guard flags & Self.blockFlag != 0 else {
            encoding = .frame
            return
        }
        guard number != 0 else { throw LTXError(.pageNumber(0), offset: offset) }
        guard bytes.count >= Self.size + Self.blockSizeSize else { return nil }
        encoding = .block(size: Int(bytes.bigEndian(at: Self.size, as: UInt32.self)))
    }

    /// How many bytes the header has.
    var encodedSize: Int {
        switch encoding {
        case .frame: Self.size
        case .block: Self.size + Self.blockSizeSize
        }
    }

    /// Appends the header of a page that follows as a frame.
    static func appendFrame(_ number: UInt32, to output: inout [UInt8]) {
        output.append(bigEndian: number)
        output.append(bigEndian: 0 as UInt16)
    }
}
