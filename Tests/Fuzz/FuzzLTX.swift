// Compiled into the module LTX by `Tests/Fuzz/run`.

internal import LZ4

/// Any bytes either are an LTX file or an error, in one piece as in many; what they say survives being written again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
    check(bytes)
    check(repaired(bytes))
    merge(bytes)
    return 0
}

private func check(_ bytes: [UInt8]) {
    let whole = outcome(bytes, pieceSize: max(bytes.count, 1))
    let pieceSize = 1 + Int(bytes.last ?? 0)
    precondition(whole == outcome(bytes, pieceSize: pieceSize), "pieces of \(pieceSize) bytes give something else")
    guard case .success(let contents) = whole, !contents.header.tracksDatabaseChecksum else { return }
    guard let file = try? encode(contents) else { preconditionFailure("cannot be written again") }
    guard case .success(let again) = outcome(file, pieceSize: 4096) else { preconditionFailure("cannot be read") }
    precondition(again.header == contents.header && again.pages == contents.pages, "is not the same")
}

/// The same header and pages, as far as they can be told apart, with the index and the checksum that they need: those
/// the fuzzer would never find, nor what a decoder may do wrong once they are right.
private func repaired(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= Header.size else { return bytes }
    let pageSize = Int(bytes.span.bigEndian(at: 8, as: UInt32.self))
    guard (512...65536).contains(pageSize) else { return bytes }
    var (crc, index, at) = (CRC64(), [UInt8](), Header.size)
    crc.update(bytes.span.extracting(..<at))
    while let header = try? PageHeader(bytes.span.extracting(at...), offset: 0), header.number != 0 {
        let start = at + header.encodedSize
        var (end, content) = (start, [UInt8]())
        switch header.encoding {
        case .frame:
            var frame = LZ4FrameDecoder(contentSizeMax: UInt64(pageSize))
            while let size = try? frame.decode(bytes.span.extracting(end...), into: &content), size > 0 { end += size }
        case .block(let size):
            guard size <= min(bytes.count - start, LZ4Block.sizeMax(for: pageSize)) else { break }
            let block = bytes.span.extracting(start..<(start + size))
            _ = try? LZ4Block.decompress(block, into: &content, contentSizeMax: pageSize)
            end += size
        }
        guard !content.isEmpty else { break }
        crc.update(bytes.span.extracting(at..<start))
        crc.update(content.span)
        PageIndex.appendEntry(page: header.number, offset: UInt64(at), size: UInt64(end - at), to: &index)
        at = end
    }
    var tail = PageHeader.end + index + PageIndex.end
    tail.append(bigEndian: UInt64(index.count + PageIndex.end.count))
    tail.append(bigEndian: 0 as UInt64)
    crc.update(tail.span)
    tail.append(bigEndian: Checksum(crc: crc.value).rawValue)
    return bytes[..<at] + tail
}

private struct Contents: Equatable {
    var header: Header
    var pages: [Page] = []
}

private func outcome(_ bytes: [UInt8], pieceSize: Int) -> Result<Contents, LTXError> {
    var decoder = Decoder()
    var (fed, contents) = (0, Contents?.none)
    do {
        while true {
            switch try decoder.next() {
            case .input:
                let end = min(fed + pieceSize, bytes.count)
                decoder.feed(Array(bytes[fed..<end]))
                fed = end
            case .header(let header): contents = Contents(header: header)
            case .page(let page): contents?.pages.append(page)
            case .end:
                guard let contents else { preconditionFailure("an end without a beginning") }
                return .success(contents)
            }
        }
    } catch {
        return .failure(error)
    }
}

private func encode(_ contents: Contents) throws(LTXError) -> [UInt8] {
    var file: [UInt8] = []
    var encoder = try Encoder(contents.header, into: &file)
    for page in contents.pages { try encoder.append(page: page.number, page.data.span, into: &file) }
    _ = try encoder.finish(into: &file)
    return file
}

/// The input cut in two, as if it were two files: the pages that come out ascend.
private func merge(_ bytes: [UInt8]) {
    let magic = Array("LTX1".utf8)
    let cut = bytes.indices.dropFirst().first { bytes[$0...].starts(with: magic) } ?? bytes.count
    var files = [Array(bytes[..<cut]), Array(bytes[cut...])]
    var (compactor, last) = (Compactor(fileCount: 2), 0 as UInt32)
    do {
        while true {
            switch try compactor.next() {
            case .input(let file):
                compactor.feed(Array(files[file].prefix(1000)), file: file)
                files[file] = Array(files[file].dropFirst(1000))
            case .header: break
            case .page(let page):
                precondition(page.number > last, "pages do not ascend")
                last = page.number
            case .end: return
            }
        }
    } catch {}
}
