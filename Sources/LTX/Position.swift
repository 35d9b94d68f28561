/// A place in the log: a transaction, and the checksum of the file that ends with it.
///
/// The checksum tells two histories apart that reached the same number.
package struct Position: Hashable, Sendable {
    package let txid: TXID
    package let fileChecksum: Checksum

    package init(txid: TXID, fileChecksum: Checksum) {
        self.txid = txid
        self.fileChecksum = fileChecksum
    }
}
