package import LTX

/// A file of level 0, with its bytes, which are right.
package struct LogFile: Sendable, Equatable {
    package let header: Header
    package let position: Position
    package let bytes: [UInt8]

    /// Reads the file of one transaction to its end, and throws unless it is whole and that of `txid`.
    package init(_ bytes: [UInt8], of txid: TXID, key: String) throws(LogError) {
        var decoder = Decoder()
        decoder.feed(bytes)
        if !bytes.isEmpty { decoder.feed([]) }
        var header: Header?
        var position: Position?
        do throws(LTXError) {
            reading: while true {
                switch try decoder.next() {
                case .header(let found): header = found
                case .page: continue
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
        (self.header, self.position, self.bytes) = (header, position, bytes)
    }

    var entry: LogEntry { LogEntry(header, position) }
}
