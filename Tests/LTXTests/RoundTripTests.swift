import Testing

@testable import LTX

@Suite struct RoundTripTests {
    static let pageSizes: [UInt32] = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536]

    @Test(arguments: pageSizes, RawFile.Encoding.allCases)
    func `both page encodings are read at every page size`(pageSize: UInt32, encoding: RawFile.Encoding) throws {
        var random = SeededGenerator(state: UInt64(pageSize))
        let pages = (1...7).map { random.page($0, size: pageSize) }
        let header = Header.test(pageSize: pageSize, commit: 7, 1...1)
        let file = RawFile(header, pages).changed { $0.encoding = encoding }.bytes
        for pieceSize in [13, 4096, file.count] {
            let contents = try #require(try decode(file, pieceSize: pieceSize))
            #expect(contents.header == header)
            #expect(contents.pages == pages)
        }
    }

    @Test(arguments: pageSizes)
    func `what the encoder writes is, byte for byte, what the format's rules say`(pageSize: UInt32) throws {
        var random = SeededGenerator(state: UInt64(pageSize))
        let pages = [1, 3, 200, 70_000].map { random.page($0, size: pageSize) }
        let lockPage = 0x4000_0000 / pageSize + 1
        let lastPages = [lockPage - 1, lockPage + 1].map { random.page($0, size: pageSize) }
        let allPages = (pages + lastPages).sorted { $0.number < $1.number }
        let header = Header.test(pageSize: pageSize, commit: .max, 5...9)
        let file = try encode(header, allPages)
        #expect(file == RawFile(header, allPages).bytes)
        #expect(try decode(file)?.pages == allPages)
    }

    @Test func `one byte at a time is enough`() throws {
        let file = try fixture("fruits-frames-0.5.11/0/0000000000000002-0000000000000002.ltx")
        #expect(try decode(file, pieceSize: 1) == (try decode(file)))
    }

    @Test func `encoder and decoder agree on where a file ends`() throws {
        var random = SeededGenerator(state: 4)
        var file: [UInt8] = []
        var encoder = try Encoder(.test(commit: 9, 2...3), into: &file)
        try encoder.append(page: 9, random.page(9, size: 512).data.span, into: &file)
        let position = try encoder.finish(into: &file)
        #expect(try decode(file)?.end == position)
        #expect(position.txid == TXID(rawValue: 3))
        #expect(position.fileChecksum.rawValue == file.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    @Test func `output may be taken away between pages`() throws {
        var random = SeededGenerator(state: 5)
        let pages = (1...3).map { random.page($0, size: 512) }
        let header = Header.test(commit: 3, 1...1)
        var (file, output) = ([UInt8](), [UInt8]())
        var encoder = try Encoder(header, into: &output)
        for page in pages {
            file += output
            output.removeAll()
            try encoder.append(page: page.number, page.data.span, into: &output)
        }
        file += output
        output.removeAll()
        _ = try encoder.finish(into: &output)
        #expect(file + output == (try encode(header, pages)))
    }

    /// 16385 pages of 64 KiB would be a gigabyte; the rule is about numbers only.
    @Test func `a snapshot goes from the page before the lock page to the page after it`() {
        var pages = PageSequence(.test(pageSize: 65536, commit: 16386, 1...1))
        for number in (1 as UInt32)...16384 { #expect(pages.take(number) == nil) }
        #expect(pages.end() == .pageMissing(16386))
        #expect(pages.take(16385) == .pageNumber(16385))
        #expect(pages.take(16386) == nil)
        #expect(pages.end() == nil)
    }

    @Test func `a snapshot may end right before or at the lock page`() {
        for commit in [16384, 16385] as [UInt32] {
            var pages = PageSequence(.test(pageSize: 65536, commit: commit, 1...1))
            for number in (1 as UInt32)...16384 { _ = pages.take(number) }
            #expect(pages.end() == nil)
        }
    }
}
