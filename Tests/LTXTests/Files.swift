import FoundationEssentials

@testable import LTX

/// A file that Litestream 0.5.17 wrote (the `fruits-frames` case: 0.5.11), below `Fixtures`.
func fixture(_ path: String) throws -> [UInt8] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    return [UInt8](try Data(contentsOf: folder.appendingPathComponent(path)))
}

/// What a whole file says.
struct Contents: Equatable {
    var header: Header
    var pages: [Page]
    var end: Position
}

func decode(_ file: [UInt8], pieceSize: Int = .max) throws(LTXError) -> Contents? {
    var decoder = Decoder()
    var (fed, header, pages) = (0, Header?.none, [Page]())
    while true {
        switch try decoder.next() {
        case .input:
            let end = fed + min(pieceSize, file.count - fed)
            decoder.feed(Array(file[fed..<end]))
            fed = end
        case .header(let first): header = first
        case .page(let page): pages.append(page)
        case .end(let position): return header.map { Contents(header: $0, pages: pages, end: position) }
        }
    }
}

func encode(_ header: Header, _ pages: [Page]) throws(LTXError) -> [UInt8] {
    var file: [UInt8] = []
    var encoder = try Encoder(header, into: &file)
    for page in pages { try encoder.append(page: page.number, page.data.span, into: &file) }
    _ = try encoder.finish(into: &file)
    return file
}

/// What several files say together.
func merge(_ files: [[UInt8]], pieceSize: Int = 1000) throws(LTXError) -> Contents? {
    var compactor = Compactor(fileCount: files.count)
    var fed = files.map { _ in 0 }
    var (header, pages) = (Header?.none, [Page]())
    while true {
        switch try compactor.next() {
        case .input(let file):
            let end = fed[file] + min(pieceSize, files[file].count - fed[file])
            compactor.feed(Array(files[file][fed[file]..<end]), file: file)
            fed[file] = end
        case .header(let first): header = first
        case .page(let page): pages.append(page)
        case .end(let position): return header.map { Contents(header: $0, pages: pages, end: position) }
        }
    }
}

extension Header {
    /// A header that obeys the rules, for tests that care for some fields only.
    static func test(pageSize: UInt32 = 512, commit: UInt32, _ transactions: ClosedRange<UInt64>) -> Self {
        Self(
            pageSize: pageSize,
            commit: commit,
            minTXID: TXID(rawValue: transactions.lowerBound),
            maxTXID: TXID(rawValue: transactions.upperBound),
            timestampMilliseconds: 1_795_220_475_433,
            walOffset: 32
        )
    }
}

/// Random numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A page: half noise, half zeros, or only one of the two.
    mutating func page(_ number: UInt32, size: UInt32) -> Page {
        let noiseSize = [0, Int(size) / 2, Int(size)].randomElement(using: &self) ?? 0
        let noise = (0..<noiseSize).map { _ in UInt8.random(in: 0...255, using: &self) }
        return Page(number: number, data: noise + [UInt8](repeating: 0, count: Int(size) - noiseSize))
    }
}
