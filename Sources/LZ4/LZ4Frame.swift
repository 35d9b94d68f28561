/// An LZ4 frame, written: blocks of up to 64 KiB that stand alone, and a hash of the content at the end.
///
/// The parameters are those of Litestream up to 0.5.15, which all releases read; without the hash they refuse a frame.
/// - SeeAlso: <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>
package enum LZ4Frame {
    static let magic: UInt32 = 0x184D_2204
    /// The bit of a block's size that says "stored as it is".
    static let storedBit: UInt32 = 1 << 31

    /// Magic, flags (version 1, independent blocks, content hash), block size 64 KiB, and the hash of these two bytes.
    private static let header: [UInt8] = [0x04, 0x22, 0x4D, 0x18, 0x64, 0x40, 0xA7]
    private static let blockContentSizeMax = 64 << 10

    /// Appends the frame of `content`.
    package static func compress(_ content: Span<UInt8>, into output: inout [UInt8]) {
        output.append(contentsOf: header)
        var start = 0
        while start < content.count {
            let end = min(start + blockContentSizeMax, content.count)
            appendBlock(content.extracting(start..<end), to: &output)
            start = end
        }
        append(0, to: &output)  // no more blocks
        append(XXH32.hash(content), to: &output)
    }

    private static func appendBlock(_ content: Span<UInt8>, to output: inout [UInt8]) {
        let sizeOffset = output.count
        append(0, to: &output)
        let dataOffset = output.count
        LZ4Block.compress(content, into: &output)
        var size = UInt32(output.count - dataOffset)
        if output.count - dataOffset >= content.count {
            output.removeSubrange(dataOffset...)
            content.withUnsafeBufferPointer { output.append(contentsOf: $0) }
            size = UInt32(content.count) | storedBit
        }
        for index in 0..<4 { output[sizeOffset + index] = UInt8(truncatingIfNeeded: size >> UInt32(8 * index)) }
    }

    private static func append(_ word: UInt32, to output: inout [UInt8]) {
        for index in 0..<4 { output.append(UInt8(truncatingIfNeeded: word >> UInt32(8 * index))) }
    }
}
