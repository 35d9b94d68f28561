package import LTX

/// A file of level 0, with its bytes, which are right.
package struct LogFile: Sendable, Equatable {
    package let header: Header
    package let position: Position
    package let bytes: [UInt8]
    /// How much memory its pages take.
    let unpackedSize: Int

    /// Reads the file of one transaction to its end, and throws unless it is whole and that of `txid`.
    package init(_ bytes: [UInt8], of txid: TXID, key: String) throws(LogError) {
        var decoder = Decoder()
        decoder.feed(bytes)
        if !bytes.isEmpty { decoder.feed([]) }
        var header: Header?
        var position: Position?
        var unpackedSize = 0
        do throws(LTXError) {
            reading: while true {
                switch try decoder.next() {
                case .header(let found): header = found
                case .page(let page): unpackedSize += page.data.count
                case .input: preconditionFailure("the end of the file was told")
                case .end(let found):
                    position = found
                    break reading
                }
            }
        } catch { throw .damaged(key: key, reason: "\(error)") }
        guard let header, let position, header.minTXID == txid, header.maxTXID == txid else {
            throw .damaged(key: key, reason: "inside, it has other transactions than its name says")
        }
        (self.header, self.position, self.bytes, self.unpackedSize) = (header, position, bytes, unpackedSize)
    }

    /// What it takes to hold and apply it: pages of zeros, or of one letter, are hundreds of times larger than their file.
    var byteCount: Int { bytes.count + unpackedSize }

    var entry: LogEntry { LogEntry(header, position) }
}
