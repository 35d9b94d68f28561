import Testing

@testable import LTX

/// Damages files at random, the same way in every run.
@Suite struct MutationTests {
    private static let changesPerFile = 1500

    @Test(arguments: [
        "fruits/9/0000000000000001-0000000000000001.ltx",
        "fruits-frames-0.5.11/9/0000000000000001-0000000000000001.ltx",
        "restarted/1/0000000000000003-0000000000000004.ltx",
        "grow-again/0/0000000000000004-0000000000000004.ltx",
    ])
    func `a damaged file is an error or says the same as before`(path: String) throws {
        let file = try fixture(path)
        let original = try #require(try decode(file))
        var random = SeededGenerator(state: UInt64(file.count))
        var refused = 0
        for _ in 0..<Self.changesPerFile {
            let damaged = mutate(file, &random)
            do {
                let contents = try decode(damaged, pieceSize: Int.random(in: 1...file.count, using: &random))
                // LZ4 has many ways to write the same page.
                #expect(contents == original)
            } catch {
                refused += 1
            }
        }
        #expect(refused > Self.changesPerFile * 9 / 10)
    }

    /// Changes one to four places: flips a bit, overwrites, cuts out, inserts, copies.
    private func mutate(_ file: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var file = file
        for _ in 0..<Int.random(in: 1...4, using: &random) where !file.isEmpty {
            let at = Int.random(in: 0..<file.count, using: &random)
            let size = Int.random(in: 1...min(8, file.count - at), using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1: file[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: file[at] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
            case 3: file.removeSubrange(at..<(at + size))
            case 4: file.insert(contentsOf: file[at..<(at + size)], at: at)
            default:
                let from = Int.random(in: 0...(file.count - size), using: &random)
                file.replaceSubrange(at..<(at + size), with: Array(file[from..<(from + size)]))
            }
        }
        return file
    }
}
