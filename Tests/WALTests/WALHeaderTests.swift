import Testing
import WAL

@Suite struct WALHeaderTests {
    /// A log of one transaction.
    private func wal(pageSize: Int = 4096) throws -> [UInt8] {
        let file = try SQLiteFile(pageSize: pageSize)
        try file.run("INSERT INTO t VALUES (1, 1)")
        return try file.wal
    }

    private func read(_ bytes: [UInt8]) throws(WALError) -> WALHeader {
        try WALHeader(bytes.span)
    }

    @Test(arguments: [512, 65536])
    func `the header of a log that SQLite wrote is read`(pageSize: Int) throws {
        let header = try read(try wal(pageSize: pageSize))
        #expect(header.pageSize == pageSize)
        #expect(header.frameSize == pageSize + 24)
    }

    @Test(
        arguments: [
            (0, 0x36, WALError.magic(0x367F_0682)),
            (3, 0x84, .magic(0x377F_0684)),
            (3, 0x83, .checksum),
            (7, 0x19, .version(3_007_001)),
            (10, 0x11, .pageSize(0x1100)),
            (10, 0, .pageSize(0)),
            (15, 0xFF, .checksum),
            (16, 0xFF, .checksum),
            (31, 0xFF, .checksum),
        ] as [(Int, UInt8, WALError)]
    )
    func `a damaged header is refused`(offset: Int, byte: UInt8, error: WALError) throws {
        var header = Array(try wal().prefix(32))
        #expect(header[offset] != byte)
        header[offset] = byte
        #expect(throws: error) { try read(header) }
    }

    @Test func `a header that is not complete is refused`() throws {
        let wal = try wal()
        for size in 0..<32 {
            #expect(throws: WALError.truncated(size: size)) { try read(Array(wal[..<size])) }
        }
    }
}
