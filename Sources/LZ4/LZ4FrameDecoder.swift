/// An LZ4 frame, read piece by piece.
///
/// Takes every kind of frame except those that need a dictionary, and checks every hash that a frame carries.
/// Content is handed on block by block, so before `isComplete` it is not known to be whole, and its hash is unchecked.
/// - SeeAlso: <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>
package struct LZ4FrameDecoder: Sendable {
    private enum State { case header, block, contentChecksum, complete }

    /// What the frame's header says.
    private struct Descriptor {
        var blocksAreLinked = false
        var hasBlockChecksums = false
        var hasContentChecksum = false
        var contentSize: UInt64?
        var blockContentSizeMax = 0
    }

    /// How far back a block may refer.
    private static let historySizeMax = 64 << 10

    private let contentSizeMax: UInt64
    private var state = State.header
    private var descriptor = Descriptor()
    private var contentSize: UInt64 = 0
    private var contentHash = XXH32()
    /// The end of the content so far, kept only for linked blocks.
    private var history: [UInt8] = []

    /// A decoder for one frame, which refuses more than `contentSizeMax` bytes of content.
    package init(contentSizeMax: UInt64 = .max) {
        self.contentSizeMax = contentSizeMax
    }

    /// Whether the frame has ended; what follows it is not its concern.
    package var isComplete: Bool { state == .complete }

    /// Reads the next part of the frame, at most one block, from the front of `input` and appends its content.
    ///
    /// Returns how many bytes that took: zero when the part is not there in full and `input` must be longer. It never
    /// asks for more than 4 MiB and some bytes.
    package mutating func decode(_ input: Span<UInt8>, into output: inout [UInt8]) throws(LZ4Error) -> Int {
        switch state {
        case .header: try decodeHeader(input)
        case .block: try decodeBlock(input, into: &output)
        case .contentChecksum: try decodeContentChecksum(input)
        case .complete: 0
        }
    }

    private mutating func decodeHeader(_ input: Span<UInt8>) throws(LZ4Error) -> Int {
        guard input.count >= 4 else { return 0 }
        let magic = word(input, at: 0)
        guard magic == LZ4Frame.magic else { throw .magic(magic) }
        guard input.count >= 7 else { return 0 }
        let (flags, blockFlags) = (input[4], input[5])
        let sizeCode = blockFlags >> 4
        let reservedBits: UInt8 = 0b10
        let dictionaryBit: UInt8 = 0b1
        guard flags >> 6 == 1, flags & (reservedBits | dictionaryBit) == 0, blockFlags & 0x8F == 0, sizeCode >= 4 else {
            throw .unsupported(flags: flags, blockDescriptor: blockFlags)
        }
        let hasContentSize = flags & 0b1000 != 0
        let size = hasContentSize ? 15 : 7
        guard input.count >= size else { return 0 }
        let hash = XXH32.hash(input.extracting(4..<(size - 1)))
        guard input[size - 1] == UInt8(truncatingIfNeeded: hash >> 8) else { throw .headerChecksum }
        descriptor.blocksAreLinked = flags & 0b10_0000 == 0
        descriptor.hasBlockChecksums = flags & 0b1_0000 != 0
        descriptor.hasContentChecksum = flags & 0b100 != 0
        descriptor.blockContentSizeMax = 1 << (8 + 2 * Int(sizeCode))
        if hasContentSize {
            let promised = UInt64(word(input, at: 6)) | UInt64(word(input, at: 10)) << 32
            guard promised <= contentSizeMax else { throw .contentSize }
            descriptor.contentSize = promised
        }
        state = .block
        return size
    }

    private mutating func decodeBlock(_ input: Span<UInt8>, into output: inout [UInt8]) throws(LZ4Error) -> Int {
        guard input.count >= 4 else { return 0 }
        let sizeWord = word(input, at: 0)
        if sizeWord == 0 {
            guard (descriptor.contentSize ?? contentSize) == contentSize else { throw .contentSize }
            state = descriptor.hasContentChecksum ? .contentChecksum : .complete
            return 4
        }
        let isStored = sizeWord & LZ4Frame.storedBit != 0
        let blockSize = Int(sizeWord & ~LZ4Frame.storedBit)
        let allowed = (descriptor.contentSize ?? contentSizeMax) - contentSize
        let allowedInBlock = Int(min(allowed, UInt64(descriptor.blockContentSizeMax)))
        let blockSizeMax = isStored ? allowedInBlock : LZ4Block.sizeMax(for: allowedInBlock)
        guard blockSize <= blockSizeMax else { throw .blockSize(blockSize, sizeMax: blockSizeMax) }
        let partSize = 4 + blockSize + (descriptor.hasBlockChecksums ? 4 : 0)
        guard input.count >= partSize else { return 0 }
        let block = input.extracting(4..<(4 + blockSize))
        if descriptor.hasBlockChecksums {
            guard word(input, at: 4 + blockSize) == XXH32.hash(block) else { throw .blockChecksum }
        }
        let start = output.count
        if isStored {
            block.withUnsafeBufferPointer { output.append(contentsOf: $0) }
        } else {
            _ = try LZ4Block.decompress(block, into: &output, contentSizeMax: allowedInBlock, history: history.span)
        }
        // An empty block says nothing; only an attacker would send them, without end.
        guard output.count > start else { throw .block }
        take(output.span.extracting(start...))
        return partSize
    }

    private mutating func decodeContentChecksum(_ input: Span<UInt8>) throws(LZ4Error) -> Int {
        guard input.count >= 4 else { return 0 }
        guard word(input, at: 0) == contentHash.value else { throw .contentChecksum }
        state = .complete
        return 4
    }

    /// Accounts for the content of one block.
    private mutating func take(_ content: Span<UInt8>) {
        contentSize += UInt64(content.count)
        if descriptor.hasContentChecksum { contentHash.update(content) }
        guard descriptor.blocksAreLinked else { return }
        let tail = content.extracting(last: Self.historySizeMax)
        history.removeFirst(max(0, history.count + tail.count - Self.historySizeMax))
        tail.withUnsafeBufferPointer { history.append(contentsOf: $0) }
    }

    private func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt32 {
        precondition(offset >= 0 && bytes.count - offset >= 4)
        return UInt32(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
