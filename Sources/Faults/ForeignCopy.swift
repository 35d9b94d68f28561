internal import LTX

/// The same transaction as if another writer had written it: what a log must take for a lost race.
enum ForeignCopy {
    /// Nil for what is no LTX file.
    static func of(_ bytes: [UInt8]) -> [UInt8]? {
        var decoder = Decoder()
        decoder.feed(bytes)
        if !bytes.isEmpty { decoder.feed([]) }
        var output: [UInt8] = []
        do throws(LTXError) {
            guard case .header(var header) = try decoder.next() else { return nil }
            header.nodeID ^= 0x5555_5555_5555_5555
            var encoder = try Encoder(header, into: &output)
            while case .page(let page) = try decoder.next() {
                try encoder.append(page: page.number, page.data.span, into: &output)
            }
            _ = try encoder.finish(into: &output)
        } catch { return nil }
        return output
    }
}
