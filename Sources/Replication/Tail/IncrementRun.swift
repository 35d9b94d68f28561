internal import Files
internal import LTX

/// Staged files that follow on each other, to be one file of a replica.
///
/// Its numbers are the replica's own: one that was there before us, or fell behind, counts differently.
struct IncrementRun: Sendable {
    /// What goes into one file at most, unless one of them is larger by itself.
    private static let bytesMax = 32 << 20
    private static let countMax = 256
    private static let trailerSize = 16
    private static let checksumSize = 8

    let entries: [Staging.Entry]
    private let folder: String

    /// As many of the staged files after `sequence` as are good to merge; nil where the next one is not there.
    init?(after sequence: UInt64, upTo last: UInt64?, of entries: [Staging.Entry], in folder: String) {
        guard let index = entries.firstIndex(where: { $0.sequence == sequence + 1 }) else { return nil }
        var run: [Staging.Entry] = []
        var byteCount = 0
        for entry in entries[index...].prefix(Self.countMax) {
            byteCount += entry.byteCount
            guard run.isEmpty || byteCount <= Self.bytesMax && entry.sequence <= last ?? .max else { break }
            run.append(entry)
        }
        (self.entries, self.folder) = (run, folder)
    }

    var last: Staging.Entry { entries[entries.count - 1] }

    /// The bytes of one file that does what all of them do.
    func file(_ txid: TXID) throws(TailError) -> (bytes: [UInt8], position: Position) {
        guard entries.count > 1 || last.sequence != txid.rawValue else {
            let bytes = try read(last, at: 0, last.byteCount)
            guard let checksum = Self.checksum(bytes) else { throw .staged(sequence: last.sequence) }
            return (bytes, Position(txid: txid, fileChecksum: checksum))
        }
        var compactor = Compactor(fileCount: entries.count)
        var offsets = entries.map { _ in 0 }
        var output: [UInt8] = []
        var encoder: Encoder?
        while true {
            switch try Self.format({ () throws(LTXError) in try compactor.next() }) {
            case .input(let file):
                let piece = try read(entries[file], at: offsets[file], 1 << 20)
                offsets[file] += piece.count
                compactor.feed(piece, file: file)
            case .header(let merged):
                let header = try header(merged, txid)
                do throws(LTXError) { encoder = try Encoder(header, into: &output) } catch { throw .format(error) }
            case .page(let page):
                do throws(LTXError) {
                    try encoder?.append(page: page.number, page.data.span, into: &output)
                } catch { throw .format(error) }
            case .end:
                guard let encoder = encoder.take() else { preconditionFailure("an end without a beginning") }
                let position: Position
                do throws(LTXError) { position = try encoder.finish(into: &output) } catch { throw .format(error) }
                return (output, position)
            }
        }
    }

    /// Says of the log what Litestream looks for when it takes over: where the last of the transactions ends.
    private func header(_ merged: Header, _ txid: TXID) throws(TailError) -> Header {
        let bytes = try read(last, at: 0, Header.size)
        let newest = try Self.format { () throws(LTXError) in try Header(bytes.span) }
        var header = newest
        (header.minTXID, header.maxTXID, header.commit) = (txid, txid, merged.commit)
        header.timestampMilliseconds = merged.timestampMilliseconds
        return header
    }

    private func read(_ entry: Staging.Entry, at offset: Int, _ count: Int) throws(TailError) -> [UInt8] {
        do throws(FileError) {
            return try File(reading: Staging.path(folder, entry.sequence)).read(at: offset, count: count)
        } catch { throw .file(error) }
    }

    private static func format<Value>(_ body: () throws(LTXError) -> Value) throws(TailError) -> Value {
        do throws(LTXError) { return try body() } catch { throw .format(error) }
    }

    /// The checksum that a file says it has.
    static func checksum(_ bytes: [UInt8]) -> Checksum? {
        guard bytes.count >= Header.size + trailerSize else { return nil }
        return Checksum(rawValue: bytes.suffix(checksumSize).reduce(0) { $0 << 8 | UInt64($1) })
    }
}
