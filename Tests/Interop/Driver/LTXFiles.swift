import Glibc
import LTX

/// Writes the log whose states are `images`: the first file whole, then what changed.
func writeLevel0(_ images: [File], to folder: String) throws(LTXError) {
    for (index, image) in images.enumerated() {
        let txid = TXID(rawValue: UInt64(index) + 1)
        let path = "\(folder)/\(txid)-\(txid).ltx"
        try write(image, after: index > 0 ? images[index - 1] : nil, txid: txid, to: path)
    }
}

/// Writes one level-0 file with all pages of `image` that are not in `previous`.
private func write(_ image: File, after previous: File?, txid: TXID, to path: String) throws(LTXError) {
    let start = image.read(at: 0, count: 100)
    let stored = UInt32(start[16]) << 8 | UInt32(start[17])
    let pageSize = stored == 1 ? 65536 : stored
    let commit = start[28..<32].reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
    let header = Header(
        pageSize: pageSize,
        commit: commit,
        minTXID: txid,
        maxTXID: txid,
        timestampMilliseconds: Int64(time(nil)) * 1000,
        walOffset: 32
    )
    let output = File(path, writing: true)
    var (buffer, written) = ([UInt8](), 0 as UInt64)
    var encoder = try Encoder(header, into: &buffer)
    for number in 1...commit where number != header.lockPage {
        let offset = UInt64(number - 1) * UInt64(pageSize)
        let page = image.read(at: offset, count: Int(pageSize))
        if let previous, previous.read(at: offset, count: Int(pageSize)) == page { continue }
        try encoder.append(page: number, page.span, into: &buffer)
        guard buffer.count > 1 << 20 else { continue }
        output.write(buffer, at: written)
        written += UInt64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }
    _ = try encoder.finish(into: &buffer)
    output.write(buffer, at: written)
    output.finish()
}

/// Hands on what `files` say together: first the header, then every page.
private func merge(_ files: [File], header: (Header) throws(LTXError) -> Void, page: (Page) throws(LTXError) -> Void)
    throws(LTXError)
{
    var compactor = Compactor(fileCount: files.count)
    var offsets = files.map { _ in 0 as UInt64 }
    while true {
        switch try compactor.next() {
        case .input(let file):
            let bytes = files[file].read(at: offsets[file], count: 1 << 16)
            offsets[file] += UInt64(bytes.count)
            compactor.feed(bytes, file: file)
        case .header(let merged): try header(merged)
        case .page(let next): try page(next)
        case .end: return
        }
    }
}

func restore(_ files: [File], to path: String) throws(LTXError) {
    let output = File(path, writing: true)
    var pageSize: UInt64 = 0
    try merge(files) { header in
        guard header.isSnapshot else { fail("the first file is not a snapshot") }
        pageSize = UInt64(header.pageSize)
        output.truncate(to: pageSize * UInt64(header.commit))
    } page: { page in
        output.write(page.data, at: UInt64(page.number - 1) * pageSize)
    }
    output.finish()
}

func compact(_ files: [File], to path: String) throws(LTXError) {
    let output = File(path, writing: true)
    var (buffer, written) = ([UInt8](), 0 as UInt64)
    var encoder: Encoder?
    try merge(files) { (header) throws(LTXError) in
        encoder = try Encoder(header, into: &buffer)
    } page: { (page) throws(LTXError) in
        try encoder?.append(page: page.number, page.data.span, into: &buffer)
        guard buffer.count > 1 << 20 else { return }
        output.write(buffer, at: written)
        written += UInt64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }
    _ = try encoder.take()?.finish(into: &buffer)
    output.write(buffer, at: written)
    output.finish()
}
