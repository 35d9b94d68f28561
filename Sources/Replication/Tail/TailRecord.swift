internal import Files
internal import LTX

/// How far a database was followed, kept beside it so that the next process goes on from there.
///
/// It says nothing about what is in a replica. It is replaced in one step, after the files that lead to it: whatever has
/// a higher sequence than the record never happened.
struct TailRecord: Equatable {
    /// Tells the numbers of this record from those of one that was lost.
    var lineage: UInt64
    /// Counts what was taken from the log; the next file has the next number.
    var sequence: UInt64
    /// The file that was followed; another one under its name has nothing to do with it.
    var inode: UInt64
    var pageSize: UInt32
    /// The size of the database in pages, at the place.
    var commit: UInt32
    var place: TailPlace
    /// The time of the newest file; the next is not older.
    var timestampMilliseconds: Int64

    private static let mark = "holdfast-tail-1"

    /// Reads the record at `path`; nil when there is none that can be relied on.
    init?(at path: String) {
        guard let file = try? File(reading: path), let bytes = try? file.read(at: 0, count: 1024) else { return nil }
        self.init(String(decoding: bytes, as: UTF8.self))
    }

    init(
        lineage: UInt64,
        sequence: UInt64,
        inode: UInt64,
        pageSize: UInt32,
        commit: UInt32,
        place: TailPlace,
        timestampMilliseconds: Int64
    ) {
        (self.lineage, self.sequence, self.inode) = (lineage, sequence, inode)
        (self.pageSize, self.commit) = (pageSize, commit)
        (self.place, self.timestampMilliseconds) = (place, timestampMilliseconds)
    }

    init?(_ text: String) {
        let fields = text.split(separator: " ", omittingEmptySubsequences: false)
        // The end of line shows that none of it is missing.
        guard fields.count == 13, fields[0] == Self.mark, fields[12] == "\n",
            let lineage = UInt64(fields[1]), let sequence = UInt64(fields[2]), let inode = UInt64(fields[3]),
            let pageSize = UInt32(fields[4]), let commit = UInt32(fields[5]), let salt1 = UInt32(fields[6]),
            let salt2 = UInt32(fields[7]), let frameCount = Int(fields[8]), frameCount >= 0,
            let checksum1 = UInt32(fields[9]), let checksum2 = UInt32(fields[10]), let timestamp = Int64(fields[11])
        else { return nil }
        self.init(
            lineage: lineage,
            sequence: sequence,
            inode: inode,
            pageSize: pageSize,
            commit: commit,
            place: TailPlace(
                salt1: salt1,
                salt2: salt2,
                frameCount: frameCount,
                checksum1: checksum1,
                checksum2: checksum2
            ),
            timestampMilliseconds: timestamp
        )
    }

    var text: String {
        "\(Self.mark) \(lineage) \(sequence) \(inode) \(pageSize) \(commit) "
            + "\(place.salt1) \(place.salt2) \(place.frameCount) \(place.checksum1) \(place.checksum2) \(timestampMilliseconds) \n"
    }

    func save(at path: String) throws(FileError) { try SmallFile.replace(path, text) }
}

/// How far a replica has come, kept beside the database.
struct ReplicaRecord: Equatable {
    /// Where the replica ends.
    var position: Position
    var lineage: UInt64
    /// What of the database is in it; see ``TailRecord/sequence``.
    var sequence: UInt64
    /// The replica; the record of another one says nothing.
    var replica: String

    private static let mark = "holdfast-replica-1"

    /// Where the record of a replica is; its name is an operator's, and any must be good for a file.
    static func path(in folder: String, _ name: String) -> String {
        "\(folder)/replica-" + name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? String($0) : "_" }.joined()
    }

    init(position: Position, lineage: UInt64, sequence: UInt64, replica: String) {
        (self.position, self.lineage, self.sequence, self.replica) = (position, lineage, sequence, replica)
    }

    /// Reads the record at `path`; nil when there is none that can be relied on.
    init?(at path: String) {
        guard let file = try? File(reading: path), let bytes = try? file.read(at: 0, count: 8192) else { return nil }
        let fields = String(decoding: bytes, as: UTF8.self).split(
            separator: " ",
            maxSplits: 5,
            omittingEmptySubsequences: false
        )
        guard fields.count == 6, fields[0] == Self.mark, fields[5].hasSuffix("\n"), let txid = TXID(fields[1]),
            let raw = UInt64(fields[2]), let checksum = Checksum(rawValue: raw), let lineage = UInt64(fields[3]),
            let sequence = UInt64(fields[4])
        else { return nil }
        self.init(
            position: Position(txid: txid, fileChecksum: checksum),
            lineage: lineage,
            sequence: sequence,
            replica: String(fields[5].dropLast())
        )
    }

    func save(at path: String) throws(FileError) {
        let (txid, checksum) = (position.txid, position.fileChecksum.rawValue)
        try SmallFile.replace(path, "\(Self.mark) \(txid) \(checksum) \(lineage) \(sequence) \(replica)\n")
    }
}

/// A file that is always there as a whole.
private enum SmallFile {
    /// Not forced to the disk: after a power cut an older record is as good, for what it leads to is compared with what
    /// is there.
    static func replace(_ path: String, _ text: String) throws(FileError) {
        let temporary = path + ".tmp"
        try Files.removeIfPresent(temporary)
        try File(creating: temporary).write(Array(text.utf8).span)
        try Files.rename(temporary, to: path)
    }
}
