// Compiled into the module LZ4 by `Tests/Fuzz/run`.

/// Any bytes either are a frame, of no more content than allowed, or an error; any content survives a frame.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
    let contentSizeMax = 100_000
    let whole = outcome(bytes, contentSizeMax: contentSizeMax, pieceSize: max(count, 1))
    precondition(whole == outcome(bytes, contentSizeMax: contentSizeMax, pieceSize: 7), "pieces give something else")
    if case .success(let content?) = whole { precondition(content.count <= contentSizeMax, "more than allowed") }

    var frame: [UInt8] = []
    LZ4Frame.compress(bytes.span, into: &frame)
    precondition(outcome(frame, contentSizeMax: count, pieceSize: 1000) == .success(bytes), "does not come back")
    return 0
}

private func outcome(_ frame: [UInt8], contentSizeMax: Int, pieceSize: Int) -> Result<[UInt8]?, LZ4Error> {
    var decoder = LZ4FrameDecoder(contentSizeMax: UInt64(contentSizeMax))
    var (used, fed, output) = (0, 0, [UInt8]())
    do {
        while !decoder.isComplete {
            let size = try decoder.decode(frame.span.extracting(used..<fed), into: &output)
            used += size
            if size == 0 {
                guard fed < frame.count else { return .success(nil) }
                fed = min(fed + pieceSize, frame.count)
            }
        }
        return .success(output)
    } catch {
        return .failure(error)
    }
}
