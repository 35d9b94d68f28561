internal import LTX
package import ObjectStore
internal import SQLite

/// Commits that a crash left on the disk alone: they were answered before the log had them.
package enum LocalCommits {
    /// Adds all of the database at `path`, which nobody has open, to the log as its next transaction.
    ///
    /// One file with every page: what the log lacks is not known page by page. It is held in memory, compressed.
    package static func ship(
        _ path: String,
        to log: FencedLog,
        within patience: Duration
    ) async throws(LocalCommitsError) {
        let (bytes, position) = try encode(path, log)
        switch await log.append(bytes, position, within: patience) {
        case .committed: return
        case .lost: throw .overtaken
        case .refused(let error): throw .log(error)
        case .unknown(let error): throw .unknown(error)
        }
    }

    private static func encode(
        _ path: String,
        _ log: FencedLog
    ) throws(LocalCommitsError) -> (bytes: [UInt8], position: Position) {
        do {
            // Recovers what is in the WAL, and leaves it empty: what comes later is told apart by that.
            try Connection(path, .readWrite).checkpoint(.truncating)
            var image = try PageImage(path)
            let header = log.nextHeader(pageSize: image.pageSize, commit: image.commit)
            var bytes: [UInt8] = []
            var page: [UInt8] = []
            var encoder = try Encoder(header, into: &bytes)
            while let number = try image.next(into: &page) {
                try encoder.append(page: number, page.span, into: &bytes)
            }
            let position = try encoder.finish(into: &bytes)
            return (bytes, position)
        } catch {
            throw .local(error)
        }
    }
}

/// Why commits on the disk did not get into the log.
package enum LocalCommitsError: Error, CustomStringConvertible {
    case local(any Error)
    case log(LogError)
    case unknown(ObjectStoreError?)
    /// Somebody else has written to the log since.
    case overtaken

    package var description: String {
        switch self {
        case .local(let error): "the local database cannot be read: \(error)"
        case .log(let error): "\(error)"
        case .unknown(let error): "whether they are in the log is not known: \(error.map { "\($0)" } ?? "no answer")"
        case .overtaken: "another writer was first"
        }
    }
}
