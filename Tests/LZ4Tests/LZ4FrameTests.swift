import LZ4
import Testing

/// Frames that the `lz4` command 1.9.4 wrote, in hexadecimal.
private struct ForeignFrame: CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let content: [UInt8]

    static let all = [
        // printf 'abc' | lz4 -c --no-frame-crc
        Self(
            testDescription: "no content checksum",
            bytes: hex("04224d18 6040 82 03000080 616263 00000000"),
            content: Array("abc".utf8)
        ),
        // head -c 300 /dev/zero | tr '\0' a > a && lz4 -c -BX --content-size a
        Self(
            testDescription: "block checksum, content size and content checksum",
            bytes: hex(
                "04224d18 7c40 2c01000000000000 fa 0c000000 1f610100ff14506161616161 062230cc 00000000 bdba236f"
            ),
            content: Array(repeating: UInt8(ascii: "a"), count: 300)
        ),
    ]
}

@Suite struct LZ4FrameTests {
    @Test(arguments: [0, 1, 15, 16, 17, 511, 512, 65535, 65536, 65537, 200_000])
    func `a frame gives its content back, whatever the size of the pieces`(size: Int) throws {
        for content in [pattern(size), noise(size, seed: UInt64(size))] {
            var frame: [UInt8] = []
            LZ4Frame.compress(content.span, into: &frame)
            // What does not compress is stored as it is: four bytes for each block, and 15 for the frame.
            #expect(frame.count <= 15 + size + 4 * ((size + 65535) / 65536))
            for pieceSize in [1, 5, 1000, frame.count] where frame.count / pieceSize < 10_000 {
                #expect(try decode(frame, pieceSize: pieceSize) == content)
            }
        }
    }

    @Test(arguments: ForeignFrame.all)
    fileprivate func `frames of the lz4 command are read`(foreign: ForeignFrame) throws {
        #expect(try decode(foreign.bytes, pieceSize: 3) == foreign.content)
    }

    @Test func `linked blocks refer back to all blocks before them`() throws {
        var frame = hex("04224d18 4040 c0")
        frame += hex("0a000080") + Array("0123456789".utf8)
        // No literals, a match of 4 + 1 bytes from 10 back, and then the 5 literals with which a block has to end.
        frame += hex("09000000 01 0a00 50") + Array("abcde".utf8)
        // The same from 20 back, which is in the first block.
        frame += hex("09000000 01 1400 50") + Array("fghij".utf8)
        frame += hex("00000000")
        #expect(try decode(frame, pieceSize: 100) == Array("012345678901234abcde01234fghij".utf8))
    }

    @Test func `a frame cut off anywhere does not complete`() throws {
        var frame: [UInt8] = []
        LZ4Frame.compress(pattern(3000).span, into: &frame)
        for size in 0..<frame.count {
            #expect(try decode(Array(frame[..<size]), pieceSize: 1000) == nil)
        }
    }

    @Test func `a flipped bit never gives other content`() throws {
        let content = pattern(700) + noise(300, seed: 1)
        var frame: [UInt8] = []
        LZ4Frame.compress(content.span, into: &frame)
        for bit in 0..<(frame.count * 8) {
            var damaged = frame
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            // A longer block than there is input for is not yet wrong: the decoder asks for more.
            let decoded = try? decode(damaged, pieceSize: 4096)
            #expect(decoded == nil || decoded == content, "bit \(bit)")
        }
    }

    @Test(arguments: [
        ("not a frame", "04224d19 6440 a7", LZ4Error.magic(0x194D_2204)),
        ("version 0", "04224d18 2440 a7", .unsupported(flags: 0x24, blockDescriptor: 0x40)),
        ("a dictionary", "04224d18 6540 a7 00000000", .unsupported(flags: 0x65, blockDescriptor: 0x40)),
        ("a reserved flag", "04224d18 6640 a7", .unsupported(flags: 0x66, blockDescriptor: 0x40)),
        ("a block size that does not exist", "04224d18 6430 a7", .unsupported(flags: 0x64, blockDescriptor: 0x30)),
        ("a reserved block bit", "04224d18 6441 a7", .unsupported(flags: 0x64, blockDescriptor: 0x41)),
        ("a wrong header hash", "04224d18 6440 a8", .headerChecksum),
        ("more in a block than the frame says", "04224d18 6440 a7 01000180", .blockSize(65537, sizeMax: 65536)),
        ("a block of 2 GiB", "04224d18 6440 a7 ffffff7f", .blockSize(0x7FFF_FFFF, sizeMax: 65809)),
        ("an empty stored block", "04224d18 6440 a7 00000080", .block),
        ("an empty compressed block", "04224d18 6440 a7 01000000 00", .block),
        ("garbage in a block", "04224d18 6440 a7 04000000 ffffffff", .block),
        ("a reference to before the content", "04224d18 6440 a7 0a000000 14 61 0500 50 6162636465", .block),
        ("a wrong block hash", "04224d18 7440 bd 03000080 616263 ff53d133 00000000", .blockChecksum),
        ("a wrong content hash", "04224d18 6440 a7 03000080 616263 00000000 ff53d133", .contentChecksum),
    ])
    func `damage is named`(what: String, text: String, error: LZ4Error) {
        #expect(throws: error) { try decode(hex(text), pieceSize: 1000) }
    }

    @Test func `content beyond the caller's bound is refused before it is written`() throws {
        let content = pattern(1000)
        var frame: [UInt8] = []
        LZ4Frame.compress(content.span, into: &frame)
        #expect(try decode(frame, pieceSize: 100, contentSizeMax: 1000) == content)
        #expect(throws: LZ4Error.block) { try decode(frame, pieceSize: 100, contentSizeMax: 999) }
    }

    @Test func `a promised size must be kept`() throws {
        let whole = try #require(ForeignFrame.all.last)
        var decoder = LZ4FrameDecoder(contentSizeMax: 299)
        var output: [UInt8] = []
        #expect(throws: LZ4Error.contentSize) { try decoder.decode(whole.bytes.span, into: &output) }
        // The same header, then the end of the blocks at once.
        let empty = Array(whole.bytes[..<15]) + [0, 0, 0, 0]
        #expect(throws: LZ4Error.contentSize) { try decode(empty, pieceSize: 1000) }
    }

    @Test func `what follows a frame is left alone`() throws {
        var frame: [UInt8] = []
        LZ4Frame.compress(pattern(10).span, into: &frame)
        let size = frame.count
        frame += [1, 2, 3]
        var decoder = LZ4FrameDecoder()
        var (used, output) = (0, [UInt8]())
        while !decoder.isComplete { used += try decoder.decode(frame.span.extracting(used...), into: &output) }
        #expect(used == size)
        #expect(try decoder.decode(frame.span.extracting(used...), into: &output) == 0)
    }
}

/// The content of a frame, or nil if it is not complete.
private func decode(_ frame: [UInt8], pieceSize: Int, contentSizeMax: UInt64 = .max) throws(LZ4Error) -> [UInt8]? {
    var decoder = LZ4FrameDecoder(contentSizeMax: contentSizeMax)
    var (used, fed, output) = (0, 0, [UInt8]())
    while !decoder.isComplete {
        let size = try decoder.decode(frame.span.extracting(used..<fed), into: &output)
        used += size
        if size == 0 {
            guard fed < frame.count else { return nil }
            fed = min(fed + pieceSize, frame.count)
        }
    }
    return output
}
