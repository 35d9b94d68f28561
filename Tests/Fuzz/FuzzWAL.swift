// Compiled into the module WAL by `Tests/Fuzz/run`.

/// Any bytes either are a log or not; what is told lies inside them, and pieces tell the same as the whole.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let header = try? WALHeader(bytes.span) else { return 0 }
    var whole = WALReader(from: WALPosition(startOf: header))
    whole.read(bytes.span.extracting(WALHeader.size...))
    for page in whole.pages {
        precondition(page.number > 0 && page.number <= whole.commit, "page \(page.number)")
        precondition(page.offset + UInt64(header.pageSize) <= whole.position.offset, "beyond the last transaction")
    }
    var pieces = WALReader(from: WALPosition(startOf: header))
    var end = WALHeader.size
    while end < bytes.count {
        end = min(end + 700, bytes.count)
        pieces.read(bytes.span.extracting(Int(pieces.offset)..<end))
    }
    precondition(pieces.pages == whole.pages && pieces.position == whole.position, "pieces tell something else")
    return 0
}
