import Testing
import Torture

@Suite struct LogCoverageTests {
    private typealias File = LogCoverage.File

    private func isViolated(_ files: [(Int, UInt64, UInt64)], newest: UInt64? = nil) -> Bool {
        LogCoverage(files.map { File(level: $0.0, min: $0.1, max: $0.2) }).verdict(newestKnown: newest).isViolated
    }

    @Test func `a log that is whole passes, whatever its levels`() {
        #expect(!isViolated([(0, 1, 1), (0, 2, 2), (0, 3, 3)], newest: 3))
        #expect(
            !isViolated([(9, 1, 4), (9, 1, 9), (1, 3, 6), (1, 7, 9), (0, 8, 8), (0, 9, 9), (0, 10, 10)], newest: 10)
        )
        #expect(!isViolated([]))
    }

    @Test func `what no file has is found`() {
        #expect(isViolated([(0, 1, 1), (0, 3, 3)]))
        #expect(isViolated([(0, 2, 2)]))
        #expect(isViolated([(9, 1, 4), (0, 6, 6)]))
        #expect(isViolated([(0, 1, 1)], newest: 2))
        #expect(isViolated([], newest: 1))
    }

    @Test func `a level with a hole or an overlap is found, also where others fill it`() {
        #expect(isViolated([(9, 1, 9), (1, 1, 3), (1, 5, 9)]))
        #expect(isViolated([(9, 1, 9), (1, 1, 5), (1, 4, 9)]))
    }

    @Test func `a level-0 file of several transactions is found`() {
        #expect(isViolated([(0, 1, 2)]))
    }

    private typealias Link = LogCoverage.Link

    @Test func `files that name each other pass, also where some are compacted away`() {
        let links = [
            Link(txid: 5, checksum: 55, predecessor: 44), Link(txid: 6, checksum: 66, predecessor: 55),
            Link(txid: 9, checksum: 99, predecessor: 88), Link(txid: 10, checksum: 100, predecessor: nil),
        ]
        #expect(LogCoverage.chain(links).violations == [])
        #expect(LogCoverage.chain(links).count == 2)
    }

    @Test func `a file that was put in the place of another is found`() {
        let links = [Link(txid: 5, checksum: 56, predecessor: 44), Link(txid: 6, checksum: 66, predecessor: 55)]
        #expect(LogCoverage.chain(links).violations.count == 1)
    }
}
