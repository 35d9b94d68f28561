internal import Files
internal import LTX

/// Writes one LTX file to the disk, page by page.
final class LTXFileWriter {
    private static let pieceBytes = 1 << 20

    private let file: File
    /// Gone at the end.
    private var encoder: Encoder?
    private var output: [UInt8]
    private var byteCount = 0

    /// Begins a file in the place of an old one.
    init(at path: String, _ header: Header) throws(TailError) {
        output = []
        do throws(LTXError) { encoder = try Encoder(header, into: &output) } catch { throw .format(error) }
        do throws(FileError) {
            try Files.removeIfPresent(path)
            file = try File(creating: path)
        } catch { throw .file(error) }
    }

    func append(page number: UInt32, _ data: Span<UInt8>) throws(TailError) {
        do throws(LTXError) {
            try encoder?.append(page: number, data, into: &output)
        } catch { throw .format(error) }
        if output.count >= Self.pieceBytes { try flush() }
    }

    /// Where the file ends in the log, and its size.
    func finish() throws(TailError) -> (position: Position, byteCount: Int) {
        guard let encoder = encoder.take() else { preconditionFailure("a file ends once") }
        let position: Position
        do throws(LTXError) { position = try encoder.finish(into: &output) } catch { throw .format(error) }
        try flush()
        return (position, byteCount)
    }

    private func flush() throws(TailError) {
        let bytes = output
        do throws(FileError) { try file.write(bytes.span) } catch { throw .file(error) }
        byteCount += bytes.count
        output.removeAll(keepingCapacity: true)
    }
}
