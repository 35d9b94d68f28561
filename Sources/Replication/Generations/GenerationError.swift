package import LZ4
package import WAL

/// Why a database cannot be rebuilt from a Litestream 0.3 replica.
package enum GenerationError: Error, Equatable, Sendable {
    /// No generation, or none with a snapshot, reaches the target.
    case nothingMatches
    /// The listing has a later WAL file but nothing of this one.
    case indexMissing(GenerationID, index: UInt32)
    /// Bytes are missing before this segment, or it overlaps the one before: so far there are `expected`.
    case segmentGap(GenerationObject, expected: UInt64)

    /// The object is cut off.
    case truncated(GenerationObject)
    /// The object goes on after the end of its frame.
    case trailingBytes(GenerationObject)
    case compression(GenerationObject, LZ4Error)

    case walHeader(GenerationObject, WALError)
    /// The log ends in the middle of this segment, at a byte of the WAL, and SQLite would silently ignore the rest.
    case walFrame(GenerationObject, offset: UInt64, WALReader.End)
    /// The segment ends in the middle of a frame, or is empty.
    case walFrameCutOff(GenerationObject)
    /// The WAL's page size is not the one of the database.
    case pageSize(GenerationObject, Int, expected: Int)
}
