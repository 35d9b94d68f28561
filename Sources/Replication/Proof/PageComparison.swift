internal import Files
internal import LTX

/// Finds the pages in which a database file is not what it should be.
///
/// A page on the freelist that holds nothing does not count: SQLite need not write such a page when it is given up, so
/// what is left in it may differ from copy to copy.
struct PageComparison: ~Copyable {
    private let file: File
    private let pageSize: Int
    private var differing: Set<UInt32> = []

    /// So many are enough to know that something is wrong.
    private static let differingCountMax = 10_000

    /// Of the database at `path`, which nobody changes meanwhile, and which should have `pageCount` pages.
    init(_ path: String, pageSize: Int, pageCount: Int) throws(RestoreProofError) {
        let file = try RestoreProofError.ofFile { () throws(FileError) in try File(reading: path) }
        let size = try RestoreProofError.ofFile { () throws(FileError) in try file.status().size }
        guard size == pageSize * pageCount else { throw .sizeDiffers(found: size, expected: pageSize * pageCount) }
        self.file = file
        self.pageSize = pageSize
    }

    /// Looks at one page, which should hold `expected`.
    mutating func compare(_ number: UInt32, _ expected: [UInt8]) throws(RestoreProofError) {
        guard try read(number) != expected else { return }
        differing.insert(number)
        guard differing.count < Self.differingCountMax else { throw .contentDiffers(pages: differing.sorted()) }
    }

    /// Throws if a page that means something differs.
    consuming func finish() throws(RestoreProofError) {
        guard !differing.isEmpty else { return }
        let pages = differing.subtracting(try freePages())
        guard pages.isEmpty else { throw .contentDiffers(pages: pages.sorted()) }
    }

    private func read(_ number: UInt32) throws(RestoreProofError) -> [UInt8] {
        try RestoreProofError.ofFile { () throws(FileError) in
            try file.read(at: (Int(number) - 1) * pageSize, count: pageSize)
        }
    }

    /// The leaves of the freelist; its trunks say which these are, and so mean something.
    ///
    /// - SeeAlso: <https://sqlite.org/fileformat2.html#the_freelist>
    private func freePages() throws(RestoreProofError) -> Set<UInt32> {
        func number(_ page: [UInt8], _ index: Int) -> UInt32 {
            page[(index * 4)..<(index * 4 + 4)].reduce(0) { $0 << 8 | UInt32($1) }
        }
        var (free, trunks): (Set<UInt32>, Set<UInt32>) = ([], [])
        var trunk = number(try read(1), 8)
        // A damaged list may lead anywhere, or in a circle; then what it names is not let off.
        while trunk != 0, trunks.insert(trunk).inserted {
            let page = try read(trunk)
            guard page.count == pageSize, Int(number(page, 1)) <= pageSize / 4 - 2 else { break }
            for index in 0..<Int(number(page, 1)) { free.insert(number(page, 2 + index)) }
            trunk = number(page, 0)
        }
        return free.subtracting(trunks)
    }
}
