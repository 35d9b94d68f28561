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

extension GenerationError {
    /// The object that it is about; nil where something is not there at all.
    package var object: GenerationObject? {
        switch self {
        case .nothingMatches, .indexMissing: nil
        case .segmentGap(let object, _), .truncated(let object), .trailingBytes(let object),
            .compression(let object, _), .walHeader(let object, _), .walFrame(let object, _, _),
            .walFrameCutOff(let object), .pageSize(let object, _, _):
            object
        }
    }
}

extension GenerationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .nothingMatches: "no generation reaches the target"
        case .indexMissing(let generation, let index): "generation \(generation.name) lacks WAL file \(index)"
        case .segmentGap(_, let expected): "the bytes before it are missing: the WAL so far has \(expected)"
        case .truncated: "it is cut off"
        case .trailingBytes: "there are bytes after its end"
        case .compression(_, let error): "its LZ4 frame is damaged: \(error)"
        case .walHeader(_, let error): "it does not begin as a WAL does: \(error)"
        case .walFrame(_, let offset, let end): "the log ends at byte \(offset) of the WAL: wrong \(end)"
        case .walFrameCutOff: "it ends in the middle of a WAL frame"
        case .pageSize(_, let size, let expected): "its pages have \(size) bytes, those of the snapshot \(expected)"
        }
    }
}
