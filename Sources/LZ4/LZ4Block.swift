internal import CLZ4

/// One LZ4 block: compressed bytes without a length, a header or a checksum of their own.
///
/// - SeeAlso: <https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>
package enum LZ4Block {
    /// The largest content that LZ4 takes in one block.
    package static let contentSizeMax = Int(LZ4_MAX_INPUT_SIZE)

    /// How long the block for `contentSize` bytes gets when they cannot be compressed at all.
    package static func sizeMax(for contentSize: Int) -> Int {
        precondition(0...contentSizeMax ~= contentSize)
        return contentSize + contentSize / 255 + 16
    }

    /// Appends the block of `content`.
    package static func compress(_ content: Span<UInt8>, into output: inout [UInt8]) {
        let sizeMax = sizeMax(for: content.count)
        output.append(addingCapacity: sizeMax) { output in
            output.withUnsafeMutableBufferPointer { target, initializedCount in
                content.withUnsafeBytes { source in
                    let written = LZ4_compress_default(
                        source.baseAddress,
                        target.baseAddress,
                        Int32(source.count),
                        Int32(sizeMax)
                    )
                    precondition(written > 0, "a block always fits into its bound")
                    initializedCount = Int(written)
                }
            }
        }
    }

    /// Appends the content of `block`, which is at most `contentSizeMax` bytes, and returns its size.
    ///
    /// `history` is what the block may refer back to: up to 64 KiB of content that came before it.
    package static func decompress(
        _ block: Span<UInt8>,
        into output: inout [UInt8],
        contentSizeMax: Int,
        history: Span<UInt8> = Span()
    ) throws(LZ4Error) -> Int {
        precondition(0...Self.contentSizeMax ~= contentSizeMax)
        guard block.count <= sizeMax(for: contentSizeMax) else {
            throw .blockSize(block.count, sizeMax: sizeMax(for: contentSizeMax))
        }
        var size: Int32 = -1
        output.append(addingCapacity: contentSizeMax) { output in
            output.withUnsafeMutableBufferPointer { target, initializedCount in
                block.withUnsafeBytes { source in
                    history.withUnsafeBytes { history in
                        size = LZ4_decompress_safe_usingDict(
                            source.baseAddress,
                            target.baseAddress,
                            Int32(source.count),
                            Int32(contentSizeMax),
                            history.baseAddress,
                            Int32(history.count)
                        )
                    }
                }
                initializedCount = Int(max(size, 0))
            }
        }
        guard size >= 0 else { throw .block }
        return Int(size)
    }
}
