internal import LTX

/// Whether bytes are a file with certain transactions, all of it and nothing else.
struct FileCheck {
    private let minTXID: TXID
    private let maxTXID: TXID
    private var decoder = Decoder()
    private var problem: String?

    init(_ minTXID: TXID, _ maxTXID: TXID) { (self.minTXID, self.maxTXID) = (minTXID, maxTXID) }

    mutating func feed(_ bytes: [UInt8]) {
        guard problem == nil, !bytes.isEmpty else { return }
        decoder.feed(bytes)
        _ = advance()
    }

    /// What is wrong with the file, once all of it was fed.
    mutating func finish() -> String? {
        decoder.feed([])
        if !advance(), problem == nil { problem = "it is cut off" }
        return problem
    }

    /// Reads what was fed; true at the end.
    private mutating func advance() -> Bool {
        do throws(LTXError) {
            while problem == nil {
                switch try decoder.next() {
                case .input: return false
                case .header(let header):
                    guard header.minTXID != minTXID || header.maxTXID != maxTXID else { continue }
                    problem = "inside, it has the transactions \(header.minTXID)-\(header.maxTXID)"
                case .page: continue
                case .end: return true
                }
            }
        } catch { problem = "\(error)" }
        return false
    }
}
