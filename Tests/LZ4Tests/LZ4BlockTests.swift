import LZ4
import Testing

@Suite struct LZ4BlockTests {
    @Test(arguments: [0, 1, 12, 13, 255, 512, 4096, 65536])
    func `a block gives its content back`(size: Int) throws {
        for content in [pattern(size), noise(size, seed: UInt64(size))] {
            var block: [UInt8] = []
            LZ4Block.compress(content.span, into: &block)
            #expect(block.count <= LZ4Block.sizeMax(for: size))
            var output: [UInt8] = [7]
            #expect(try LZ4Block.decompress(block.span, into: &output, contentSizeMax: size) == size)
            #expect(output == [7] + content)
        }
    }

    @Test func `more content than allowed is an error, and nothing is appended`() {
        var block: [UInt8] = []
        LZ4Block.compress(pattern(4096).span, into: &block)
        var output: [UInt8] = [7]
        #expect(throws: LZ4Error.block) {
            try LZ4Block.decompress(block.span, into: &output, contentSizeMax: 4095)
        }
        #expect(output == [7])
    }

    @Test func `a block longer than its content can need is not even looked at`() {
        var output: [UInt8] = []
        let block = [UInt8](repeating: 0, count: LZ4Block.sizeMax(for: 512) + 1)
        #expect(throws: LZ4Error.blockSize(block.count, sizeMax: LZ4Block.sizeMax(for: 512))) {
            try LZ4Block.decompress(block.span, into: &output, contentSizeMax: 512)
        }
    }
}
