/// The list at the end of a file of where each page is.
///
/// Three variable-length integers for each page, a zero, and the size of all that. Its bytes follow from the pages, so a
/// reader of whole files needs no copy of the list, only its checksum.
struct PageIndex {
    static let end: [UInt8] = [0]

    /// Appends the entry of a page whose header begins at `offset` and whose data ends `size` bytes later.
    static func appendEntry(page: UInt32, offset: UInt64, size: UInt64, to output: inout [UInt8]) {
        appendVariableLength(UInt64(page), to: &output)
        appendVariableLength(offset, to: &output)
        appendVariableLength(size, to: &output)
    }

    private static func appendVariableLength(_ integer: UInt64, to output: inout [UInt8]) {
        var rest = integer
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(rest))
    }
}
