import Testing

@testable import LTX

@Suite struct CompactorTests {
    /// A page filled with one byte.
    private func page(_ number: UInt32, _ fill: UInt8, size: Int = 512) -> Page {
        Page(number: number, data: [UInt8](repeating: fill, count: size))
    }

    @Test func `of each page the newest version wins, and the header spans all files`() throws {
        let files = [
            try encode(.test(commit: 4, 1...3), [page(1, 1), page(2, 1), page(3, 1), page(4, 1)]),
            try encode(.test(commit: 5, 4...4), [page(2, 2), page(5, 2)]),
            try encode(.test(commit: 5, 5...9), [page(2, 3), page(3, 3)]),
        ]
        for pieceSize in [1, 100, .max] {
            let merged = try #require(try merge(files, pieceSize: pieceSize))
            #expect(merged.pages == [page(1, 1), page(2, 3), page(3, 3), page(4, 1), page(5, 2)])
            var header = Header.test(commit: 5, 1...9)
            header.walOffset = 0
            #expect(merged.header == header)
            #expect(merged.end == (try decode(files[2])?.end))
        }
    }

    @Test func `pages beyond the last file's end are dropped`() throws {
        let files = [
            try encode(.test(commit: 3, 1...1), [page(1, 1), page(2, 1), page(3, 1)]),
            try encode(.test(commit: 1, 2...2), [page(1, 2)]),
        ]
        #expect(try merge(files)?.pages == [page(1, 2)])
    }

    @Test func `a database may shrink and grow again`() throws {
        let files = [
            try encode(.test(commit: 3, 1...1), [page(1, 1), page(2, 1), page(3, 1)]),
            try encode(.test(commit: 1, 2...2), [page(1, 2)]),
            try encode(.test(commit: 4, 3...3), [page(2, 3), page(3, 3), page(4, 3)]),
        ]
        #expect(try merge(files)?.pages == [page(1, 2), page(2, 3), page(3, 3), page(4, 3)])
    }

    @Test func `a page that no file has fails the restore`() throws {
        let files = [
            try encode(.test(commit: 1, 1...1), [page(1, 1)]),
            try encode(.test(commit: 3, 2...2), [page(3, 2)]),
        ]
        #expect(throws: LTXError(.pageMissing(2), offset: 0, file: 1)) { try merge(files) }
        let cutOff = [files[0], try encode(.test(commit: 3, 2...2), [page(2, 2)])]
        #expect(throws: LTXError(.pageMissing(3), offset: 0, file: 1)) { try merge(cutOff) }
    }

    @Test(
        arguments: [
            ([1...1, 2...2, 3...3], nil),
            ([1...5, 3...9], nil),
            ([1...1, 1...2, 3...4], nil),
            ([4...6, 7...7], nil),
            ([1...1, 3...3], 1),
            ([1...1, 2...2, 4...4], 2),
            ([1...5, 2...4], 1),
            ([1...5, 5...5], 1),
            ([2...2, 1...1], 1),
        ] as [([ClosedRange<UInt64>], Int?)]
    )
    func `files must follow on each other, and may overlap`(ranges: [ClosedRange<UInt64>], gap: Int?) throws {
        let files = try ranges.map { try encode(.test(commit: 1, $0), [page(1, 1)]) }
        guard let gap else {
            #expect(try merge(files) != nil)
            return
        }
        let error = try #require(throws: LTXError.self) { try merge(files) }
        #expect(error.file == gap)
        guard case .transactionGap = error.problem else {
            Issue.record("\(error)")
            return
        }
    }

    @Test func `the page size stays`() throws {
        let files = [
            try encode(.test(commit: 1, 1...1), [page(1, 1)]),
            try encode(.test(pageSize: 1024, commit: 1, 2...2), [page(1, 1, size: 1024)]),
        ]
        #expect(throws: LTXError(.pageSizeChange(from: 512, to: 1024), offset: 8, file: 1)) { try merge(files) }
    }

    @Test func `an error tells which file it is in, also when all its pages are overwritten`() throws {
        let files = [
            try encode(.test(commit: 1, 1...1), [page(1, 1)]),
            try encode(.test(commit: 1, 2...2), [page(1, 2)]),
        ]
        for file in files.indices {
            let size = files[file].count
            var damaged = files
            damaged[file][size - 1] ^= 1
            #expect(throws: LTXError(.fileChecksum, offset: UInt64(size - 8), file: file)) { try merge(damaged) }
            damaged[file].removeLast()
            #expect(throws: LTXError(.truncated, offset: UInt64(size - 1), file: file)) { try merge(damaged) }
        }
    }

    @Test func `after a page is missing, none of the later ones is told`() throws {
        let files = [
            try encode(.test(commit: 1, 1...1), [page(1, 1)]),
            try encode(.test(commit: 4, 2...2), [page(3, 2), page(4, 2)]),
        ]
        var compactor = Compactor(fileCount: 2)
        for file in files.indices {
            compactor.feed(files[file], file: file)
            compactor.feed([], file: file)
        }
        _ = try compactor.next()
        _ = try compactor.next()
        for _ in 0..<3 {
            #expect(throws: LTXError(.pageMissing(2), offset: 0, file: 1)) { try compactor.next() }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `any history gives the database that applying it page by page gives`(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        var (database, files) = ([UInt32: Page](), [[UInt8]]())
        for txid in 1...UInt64.random(in: 1...60, using: &random) {
            let before = UInt32(database.count)
            let commit = txid == 1 ? 30 : UInt32.random(in: 1...60, using: &random)
            var pages: [Page] = []
            for number in 1...commit where number > before || Int.random(in: 0..<4, using: &random) == 0 {
                pages.append(random.page(number, size: 512))
            }
            for page in pages { database[page.number] = page }
            database = database.filter { $0.key <= commit }
            files.append(try encode(.test(commit: commit, txid...txid), pages))
        }
        let expected = database.values.sorted { $0.number < $1.number }
        let pieceSize = Int.random(in: 1...2000, using: &random)
        let merged = try #require(try merge(files, pieceSize: pieceSize))
        #expect(merged.pages == expected)

        // In two steps, as levels do it, it is the same.
        let cut = Int.random(in: 1...files.count, using: &random)
        let first = try #require(try merge(Array(files[..<cut])))
        let levels = [try encode(first.header, first.pages)] + files[cut...]
        #expect(try merge(levels)?.pages == expected)
    }
}
