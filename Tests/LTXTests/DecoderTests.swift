import LZ4
import Testing

@testable import LTX

@Suite struct DecoderTests {
    /// A snapshot of three pages, and an increment of two, from which each case departs in one point.
    private static let snapshot = RawFile(.test(commit: 3, 1...2), pages(1, 2, 3))
    private static let increment = RawFile(.test(commit: 9, 2...2), pages(4, 9))

    private static func pages(_ numbers: UInt32...) -> [Page] {
        var random = SeededGenerator(state: 7)
        return numbers.map { random.page($0, size: 512) }
    }

    private static func long(_ integer: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: integer)
        return bytes
    }

    struct Case: CustomTestStringConvertible {
        let testDescription: String
        let file: RawFile
        let problem: LTXError.Problem
        let offset: UInt64

        init(_ testDescription: String, _ file: RawFile, _ problem: LTXError.Problem, at offset: UInt64) {
            self.testDescription = testDescription
            self.file = file
            self.problem = problem
            self.offset = offset
        }
    }

    static let headerCases = [
        Case("another magic", snapshot.with(0, Array("LTX2".utf8)), .magic(0x4C54_5832), at: 0),
        Case("an unknown flag", snapshot.with(4, [0, 0, 0, 3]), .headerFlags(3), at: 4),
        Case("page size 0", snapshot.with(8, [0, 0, 0, 0]), .pageSize(0), at: 8),
        Case("page size 256", snapshot.with(8, [0, 0, 1, 0]), .pageSize(256), at: 8),
        Case("page size 513", snapshot.with(8, [0, 0, 2, 1]), .pageSize(513), at: 8),
        Case("page size 131072", snapshot.with(8, [0, 2, 0, 0]), .pageSize(131072), at: 8),
        Case("page size 1", snapshot.with(8, [0, 0, 0, 1]), .pageSize(1), at: 8),
        Case("no pages in the database", snapshot.with(12, [0, 0, 0, 0]), .commitMissing, at: 12),
        Case(
            "transaction 0",
            snapshot.with(16, long(0)),
            .transactionRange(min: TXID(rawValue: 0), max: TXID(rawValue: 2)),
            at: 16
        ),
        Case(
            "transactions backwards",
            snapshot.with(16, long(3)),
            .transactionRange(min: TXID(rawValue: 3), max: TXID(rawValue: 2)),
            at: 16
        ),
        Case("an unwanted checksum before", increment.with(40, long(1 << 63)), .databaseChecksumPresence, at: 40),
        Case("a malformed checksum before", increment.with(40, long(1)), .databaseChecksumPresence, at: 40),
        Case("no checksum before", increment.with(4, [0, 0, 0, 0]), .databaseChecksumPresence, at: 40),
        Case("a negative WAL offset", increment.with(48, long(1 << 63)), .walRange, at: 48),
        Case("a WAL size without offset", increment.with(48, long(0) + long(1)), .walRange, at: 48),
        Case("a WAL salt without offset", increment.with(48, long(0)).with(68, [0, 0, 0, 1]), .walRange, at: 48),
        Case("a reserved byte", increment.with(99, [1]), .reservedBytes, at: 99),
    ]

    private static let pageOffset: UInt64 = 100
    private static let secondPageOffset = pageOffset + size(of: increment.pages[0])
    private static let endOffset = secondPageOffset + size(of: increment.pages[1])

    /// Two pages, with numbers of one byte and offsets and sizes of one or two, and the end.
    private static let indexSize: UInt64 = 9

    private static func size(of page: Page) -> UInt64 {
        var frame: [UInt8] = []
        LZ4Frame.compress(page.data.span, into: &frame)
        return 6 + UInt64(frame.count)
    }

    static let pageCases = [
        Case("an unknown page flag", increment.changed { $0.pageFlags = 2 }, .pageFlags(2), at: pageOffset + 4),
        Case("a page twice", increment.changed { $0.pages = pages(4, 4) }, .pageNumber(4), at: secondPageOffset),
        Case("pages backwards", increment.changed { $0.pages = pages(4, 3) }, .pageNumber(3), at: secondPageOffset),
        Case("a page beyond the end", increment.changed { $0.pages = pages(10) }, .pageNumber(10), at: pageOffset),
        Case(
            "the lock page",
            increment.changed { $0.pages = pages(0x20_0001) }.with(12, [0xFF, 0xFF, 0xFF, 0xFF]),
            .pageNumber(0x20_0001),
            at: pageOffset
        ),
        Case("a snapshot without page 1", snapshot.changed { $0.pages = pages(2, 3) }, .pageMissing(1), at: pageOffset),
        Case(
            "a snapshot without a page",
            snapshot.changed { $0.pages.remove(at: 1) },
            .pageMissing(2),
            at: pageOffset + size(of: snapshot.pages[0])
        ),
        Case(
            "a snapshot that ends early",
            increment.with(16, long(1)).changed { $0.pages = pages(1) },
            .pageMissing(2),
            at: secondPageOffset
        ),
        Case(
            "a short page",
            increment.changed { $0.pages[0] = Page(number: 4, data: [1, 2]) },
            .pageContentSize(page: 4, 2),
            at: pageOffset
        ),
        Case(
            "a long page",
            increment.changed { $0.pages[0] = Page(number: 4, data: Array(repeating: 1, count: 513)) },
            .pageData(page: 4, .block),
            at: pageOffset
        ),
        Case(
            "a short page in a block",
            increment.changed { $0.pages[0] = Page(number: 4, data: [1, 2]) }.changed { $0.encoding = .block },
            .pageContentSize(page: 4, 2),
            at: pageOffset
        ),
        Case("the end with a flag", increment.changed { $0.end[5] = 1 }, .pageNumber(0), at: endOffset),
    ]

    static let endCases = [
        Case("an index of nothing", increment.changed { $0.index = [0] }, .index, at: endOffset + 6),
        Case(
            "a wrong index",
            increment.changed { $0.index = Array(repeating: 1, count: 9) },
            .index,
            at: endOffset + 6
        ),
        Case(
            "a wrong index size",
            increment.changed { $0.indexSize = 3 },
            .indexSize(3),
            at: endOffset + 6 + indexSize
        ),
        Case(
            "an unwanted checksum after",
            increment.changed { $0.postApplyChecksum = 1 << 63 },
            .databaseChecksumPresence,
            at: endOffset + 6 + indexSize + 8
        ),
        Case(
            "a malformed checksum after",
            increment.changed { $0.postApplyChecksum = 1 },
            .databaseChecksumPresence,
            at: endOffset + 6 + indexSize + 8
        ),
    ]

    @Test(arguments: headerCases + pageCases + endCases)
    func `each rule of the format is checked, and the place named`(testCase: Case) throws {
        let error = try #require(throws: LTXError.self) { try decode(testCase.file.bytes) }
        #expect(error.problem == testCase.problem)
        #expect(error.offset == testCase.offset)
    }

    @Test func `the files that the cases depart from are right`() throws {
        #expect(try decode(Self.snapshot.bytes) != nil)
        #expect(try decode(Self.increment.bytes) != nil)
    }

    @Test func `a file cut off anywhere is an error at that place`() throws {
        for encoding in RawFile.Encoding.allCases {
            let file = Self.snapshot.changed { $0.encoding = encoding }.bytes
            for size in 0..<file.count {
                let error = try #require(throws: LTXError.self) { try decode(Array(file[..<size])) }
                #expect(error == LTXError(.truncated, offset: UInt64(size)))
            }
        }
    }

    @Test func `a byte after the end is an error, however late it comes`() {
        let file = Self.snapshot.bytes
        for pieceSize in [1, file.count, .max] {
            #expect(throws: LTXError(.trailingBytes, offset: UInt64(file.count))) {
                try decode(file + [0], pieceSize: pieceSize)
            }
        }
    }

    @Test func `the checksum covers the compressed size of a block`() throws {
        var file = Self.increment.changed { $0.encoding = .block }.bytes
        file[file.count - 1] ^= 1
        #expect(throws: LTXError(.fileChecksum, offset: UInt64(file.count - 8))) { try decode(file) }
        file[file.count - 8] &= 0x7F
        #expect(throws: LTXError(.fileChecksum, offset: UInt64(file.count - 8))) { try decode(file) }
    }

    /// LiteFS writes such files; Litestream refuses them, and our encoder never writes any.
    @Test func `a snapshot's pages must match the checksum of the database, where it has one`() throws {
        var checksum = Checksum.emptyDatabase
        for page in Self.snapshot.pages { checksum.toggle(.page(page.number, page.data.span)) }
        let file = Self.snapshot.with(4, [0, 0, 0, 0]).changed { $0.postApplyChecksum = checksum.rawValue }
        let contents = try #require(try decode(file.bytes))
        #expect(contents.header.tracksDatabaseChecksum)
        let wrong = file.changed { $0.postApplyChecksum ^= 1 }.bytes
        #expect(throws: LTXError(.databaseChecksum, offset: UInt64(wrong.count - 16))) { try decode(wrong) }
        let none = file.changed { $0.postApplyChecksum = 0 }.bytes
        #expect(throws: LTXError(.databaseChecksumPresence, offset: UInt64(none.count - 16))) { try decode(none) }
    }

    @Test(arguments: [1, 700, 5_000, 16_384, 20_000, 100_000, 1 << 20])
    func `pages that stand across pieces of any size are put together`(pieceSize: Int) throws {
        // Larger than what is put together at a time, and too random to be compressed.
        var random = SeededGenerator(state: 1)
        let pages = (1...3 as ClosedRange<UInt32>).map { number in
            Page(number: number, data: (0..<65536).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        let file = try encode(.test(pageSize: 65536, commit: 3, 1...1), pages)
        let contents = try #require(try decode(file, pieceSize: pieceSize))
        #expect(contents.pages == pages)
        #expect(throws: LTXError(.truncated, offset: UInt64(file.count - 1))) {
            try decode(Array(file.dropLast()), pieceSize: pieceSize)
        }
        #expect(throws: LTXError(.trailingBytes, offset: UInt64(file.count))) {
            try decode(file + [0], pieceSize: pieceSize)
        }
    }

    @Test func `after an error there are no more pages`() throws {
        var file = Self.snapshot.bytes
        file[Int(Self.pageOffset) + 20] ^= 0xFF
        var decoder = Decoder()
        var compactor = Compactor(fileCount: 1)
        decoder.feed(file)
        compactor.feed(file, file: 0)
        _ = try decoder.next()
        _ = try compactor.next()
        let error = try #require(throws: LTXError.self) { try decoder.next() }
        for _ in 0..<3 {
            #expect(throws: error) { try decoder.next() }
            #expect(throws: error) { try compactor.next() }
        }
    }

    @Test func `an error says what and where in words`() {
        let error = LTXError(.pageData(page: 7, .contentChecksum), offset: 1234)
        #expect("\(error)" == "the data of page 7 is damaged: contentChecksum (at byte 1234 of the LTX file)")
    }
}

@Suite struct EncoderTests {
    @Test func `the encoder refuses what the decoder would`() throws {
        var file: [UInt8] = []
        #expect(throws: LTXError(.commitMissing, offset: 12)) { _ = try Encoder(.test(commit: 0, 1...1), into: &file) }
        #expect(file.isEmpty)

        var encoder = try Encoder(.test(commit: 3, 2...2), into: &file)
        let page = [UInt8](repeating: 1, count: 512)
        try encoder.append(page: 2, page.span, into: &file)
        let size = file.count
        for number in [0, 1, 2, 4] as [UInt32] {
            let error = #expect(throws: LTXError.self) { try encoder.append(page: number, page.span, into: &file) }
            #expect(error == LTXError(.pageNumber(number), offset: UInt64(size)))
        }
        let error = #expect(throws: LTXError.self) {
            try encoder.append(page: 3, page.span.extracting(1...), into: &file)
        }
        #expect(error?.problem == .pageContentSize(page: 3, 511))
        #expect(file.count == size)
        _ = try encoder.finish(into: &file)
        #expect(try decode(file)?.pages.map(\.number) == [2])
    }

    @Test func `a snapshot cannot be finished before its last page`() throws {
        let first = Page(number: 1, data: [UInt8](repeating: 1, count: 512))
        let error = #expect(throws: LTXError.self) { try encode(.test(commit: 2, 1...1), [first]) }
        #expect(error?.problem == .pageMissing(2))
    }
}
