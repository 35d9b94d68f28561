/// What is wrong with compressed bytes.
package enum LZ4Error: Error, Equatable, Sendable {
    /// Not the four bytes with which a frame begins.
    case magic(UInt32)
    /// A frame version, or a flag, that this decoder does not know; both descriptor bytes are given.
    case unsupported(flags: UInt8, blockDescriptor: UInt8)
    /// The second byte of the hash over the frame's descriptor is another.
    case headerChecksum
    /// A block is longer than the frame, or what is left of the content, allows.
    case blockSize(Int, sizeMax: Int)
    /// The bytes are no LZ4 block, or one with more content than allowed.
    case block
    /// The hash after a block is not that of its bytes.
    case blockChecksum
    /// More content than the caller allows, or another amount than the frame's header promises.
    case contentSize
    /// The hash after the content is not that of the content.
    case contentChecksum
}
