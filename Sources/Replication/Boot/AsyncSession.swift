package import Files
package import LTX

/// Notes beside a database that it may hold commits which were answered and are not in the log yet.
///
/// Written before the first of them; removed once the log has all. Left over by a crash, it says that the local
/// database is worth more than the log, if nobody else has written there since.
package struct AsyncSession: Equatable, Sendable {
    /// The URL of the replica, without secrets.
    package let replica: String
    /// Whose files in the log hold what this database has.
    package let writerID: UInt64
    /// Where the log ended when it began; nil for an empty one.
    package let start: Position?

    package init(replica: String, writerID: UInt64, start: Position?) {
        (self.replica, self.writerID, self.start) = (replica, writerID, start)
    }

    /// Whether everything in the log up to its end is in the database too.
    func covers(_ end: LogEnd, replica: String) -> Bool {
        replica == self.replica && (end.nodeID == writerID || end.tip.position == start)
    }

    package func write(beside database: String) throws(FileError) { try text.writeFile(Self.path(database)) }

    static func read(beside database: String) throws(FileError) -> Self? {
        try String(readingFile: path(database)).flatMap(Self.init(text:))
    }

    package static func remove(beside database: String) throws(FileError) {
        try Files.removeIfPresent(path(database))
        try Files.syncFolder(Files.parent(of: database))
    }

    private static func path(_ database: String) -> String { database + "-async" }

    // MARK: Text

    private static let firstLine = "holdfast async 1"

    package var text: String {
        let start = start.map { "\($0.txid) \(String($0.fileChecksum.rawValue, radix: 16))" } ?? "none"
        return "\(Self.firstLine)\nwriter \(String(writerID, radix: 16))\nstart \(start)\nreplica \(replica)\n"
    }

    package init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 5, lines[0] == Self.firstLine, lines[4].isEmpty else { return nil }
        let words = lines[1...3].map { $0.split(separator: " ", maxSplits: 1) }
        guard words.map(\.first) == ["writer", "start", "replica"], words.allSatisfy({ $0.count == 2 }),
            let writerID = UInt64(words[0][1], radix: 16)
        else { return nil }
        var start: Position?
        if words[1][1] != "none" {
            let parts = words[1][1].split(separator: " ")
            guard parts.count == 2, let txid = TXID(parts[0]),
                let checksum = UInt64(parts[1], radix: 16).flatMap(Checksum.init(rawValue:))
            else { return nil }
            start = Position(txid: txid, fileChecksum: checksum)
        }
        self.init(replica: String(words[2][1]), writerID: writerID, start: start)
    }
}

/// The last transaction of a log, and who wrote it.
package struct LogEnd: Equatable, Sendable {
    package let tip: LogTip
    package let nodeID: UInt64

    package init(tip: LogTip, nodeID: UInt64) { (self.tip, self.nodeID) = (tip, nodeID) }
}
