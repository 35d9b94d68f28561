/// The two sums that run through a WAL file, from its header over every frame.
///
/// - SeeAlso: <https://sqlite.org/fileformat2.html#checksum_algorithm>
package struct WALChecksum: Hashable, Sendable {
    /// How the words that are added up lie in the file; all else in it is big-endian.
    package enum ByteOrder: Sendable {
        case little, big
    }

    private var first: UInt32
    private var second: UInt32

    /// The sums of nothing.
    init() {
        (first, second) = (0, 0)
    }

    /// Sums that were kept as numbers.
    package init(_ first: UInt32, _ second: UInt32) {
        (self.first, self.second) = (first, second)
    }

    /// Reads sums as they are stored, eight bytes from `offset` on.
    init(_ bytes: Span<UInt8>, at offset: Int) {
        first = bytes.word(at: offset)
        second = bytes.word(at: offset + 4)
    }

    /// Takes in the bytes that follow those before; there must be a multiple of eight.
    mutating func update(_ bytes: Span<UInt8>, _ order: ByteOrder) {
        precondition(bytes.count.isMultiple(of: 8))
        var (first, second) = (first, second)
        var at = 0
        while at &+ 8 <= bytes.count {
            let pair = bytes.extracting(at..<(at &+ 8))
            // Two words in one load, the one that comes first in the lower half.
            var words: UInt64 = 0
            for index in 0..<8 { words |= UInt64(pair[index]) &<< UInt64(8 &* index) }
            var (word, nextWord) = (UInt32(truncatingIfNeeded: words), UInt32(truncatingIfNeeded: words &>> 32))
            if order == .big { (word, nextWord) = (word.byteSwapped, nextWord.byteSwapped) }
            first &+= word &+ second
            second &+= nextWord &+ first
            at &+= 8
        }
        (self.first, self.second) = (first, second)
    }
}

extension Span<UInt8> {
    /// The big-endian word at `offset`.
    func word(at offset: Int) -> UInt32 {
        var word: UInt32 = 0
        for index in 0..<4 { word = word << 8 | UInt32(self[offset + index]) }
        return word
    }
}
