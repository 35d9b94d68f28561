/// Why bytes are not the header of a SQLite WAL file.
package enum WALError: Error, Equatable, Sendable {
    case truncated(size: Int)
    case magic(UInt32)
    case version(UInt32)
    case pageSize(UInt32)
    case checksum
}
