package import Files
package import LTX

/// Where in the log the database file beside it stands, after a clean shutdown.
///
/// Written when the WAL is gone and the file is on the disk; removed before the first write that follows. One that
/// outlived that would let the frames of an unfinished commit pass for the state of the bucket.
package struct PositionRecord: Equatable, Sendable {
    package let tip: LogTip
    /// The URL of the replica, without secrets.
    package let replica: String
    package let stamp: DatabaseStamp

    package init(tip: LogTip, replica: String, stamp: DatabaseStamp) {
        (self.tip, self.replica, self.stamp) = (tip, replica, stamp)
    }

    /// Writes the record, once no process has the database open any more and its WAL was checkpointed.
    ///
    /// - Returns: False, and nothing is written, if there still is a log beside it.
    package static func write(tip: LogTip, replica: String, beside database: String) throws(FileError) -> Bool {
        guard try !DatabaseStamp.hasLog(database) else { return false }
        for companion in DatabaseStamp.companions { try Files.removeIfPresent(database + companion) }
        try File(reading: database).sync()
        guard let stamp = try DatabaseStamp(of: database) else { return false }
        try PositionRecord(tip: tip, replica: replica, stamp: stamp).text.writeFile(path(database))
        return true
    }

    /// Where in the log the database at `path` is, if that is certain: it was closed in order, and not touched since.
    package static func position(of database: String) throws(FileError) -> Position? {
        guard let record = try read(beside: database), try !DatabaseStamp.hasLog(database),
            try DatabaseStamp(of: database) == record.stamp
        else { return nil }
        return record.tip.position
    }

    /// The record beside a database; nil if there is none that can be read, which is no error: then it is restored.
    static func read(beside database: String) throws(FileError) -> Self? {
        try String(readingFile: path(database)).flatMap(Self.init(text:))
    }

    /// Removes the record, and makes that durable.
    package static func remove(beside database: String) throws(FileError) {
        try Files.removeIfPresent(path(database))
        try Files.syncFolder(Files.parent(of: database))
    }

    static func path(_ database: String) -> String { database + "-position" }

    // MARK: Text

    private static let firstLine = "holdfast position 1"

    package var text: String {
        """
        \(Self.firstLine)
        txid \(tip.position.txid)
        checksum \(String(tip.position.fileChecksum.rawValue, radix: 16))
        timestamp \(tip.timestampMilliseconds)
        size \(stamp.size)
        modified \(stamp.modifiedNanoseconds)
        replica \(replica)

        """
    }

    package init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 8, lines[0] == Self.firstLine, lines[7].isEmpty else { return nil }
        func value(_ index: Int, _ name: String) -> Substring? {
            lines[index].hasPrefix("\(name) ") ? lines[index].dropFirst(name.count + 1) : nil
        }
        guard let txid = value(1, "txid").flatMap({ TXID($0) }),
            let checksum = value(2, "checksum").flatMap({ UInt64($0, radix: 16) }).flatMap(Checksum.init(rawValue:)),
            let timestamp = value(3, "timestamp").flatMap({ Int64($0) }),
            let size = value(4, "size").flatMap({ Int($0) }),
            let modified = value(5, "modified").flatMap({ Int64($0) }),
            let replica = value(6, "replica")
        else { return nil }
        let position = Position(txid: txid, fileChecksum: checksum)
        self.init(
            tip: LogTip(position: position, timestampMilliseconds: timestamp),
            replica: String(replica),
            stamp: DatabaseStamp(size: size, modifiedNanoseconds: modified)
        )
    }
}

/// What tells that nobody has changed a database file.
package struct DatabaseStamp: Equatable, Sendable {
    package let size: Int
    package let modifiedNanoseconds: Int64

    /// What SQLite keeps beside a database.
    static let companions = ["-wal", "-shm", "-journal"]

    package init(size: Int, modifiedNanoseconds: Int64) {
        (self.size, self.modifiedNanoseconds) = (size, modifiedNanoseconds)
    }

    /// Nil if there is no file, or an empty one, which SQLite takes for no database.
    init?(of path: String) throws(FileError) {
        guard let status = try Self.status(path), status.size > 0 else { return nil }
        self.init(size: status.size, modifiedNanoseconds: status.modifiedNanoseconds)
    }

    /// Whether there is something beside the database that SQLite would apply to it.
    static func hasLog(_ path: String) throws(FileError) -> Bool {
        for companion in ["-wal", "-journal"] where try status(path + companion).map({ $0.size > 0 }) ?? false {
            return true
        }
        return false
    }

    static func exists(_ path: String) throws(FileError) -> Bool { try status(path) != nil }

    private static func status(_ path: String) throws(FileError) -> File.Status? {
        do throws(FileError) { return try File(reading: path).status() } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }
}

/// Which log a database file was made from: one that is of another log is never overwritten.
package enum DatabaseOrigin {
    /// Notes that the database is of the log at this replica: what is in it is in the bucket, or was promised to nobody.
    ///
    /// For a database that begins a log that is so once its first transaction is there.
    package static func write(_ replica: String, beside database: String) throws(FileError) {
        try "\(replica)\n".writeFile(path(database))
    }

    /// Forgets it, for a database that is about to be written without a replica.
    package static func remove(beside database: String) throws(FileError) {
        try Files.removeIfPresent(path(database))
        try Files.syncFolder(Files.parent(of: database))
    }

    package static func read(beside database: String) throws(FileError) -> String? {
        try String(readingFile: path(database)).map { String($0.prefix { $0 != "\n" }) }
    }

    private static func path(_ database: String) -> String { database + "-origin" }
}

extension String {
    /// The longest text that is read.
    private static let textBytesMax = 64 << 10

    /// Nil if there is no such file.
    init?(readingFile path: String) throws(FileError) {
        do throws(FileError) {
            let bytes = try File(reading: path).read(at: 0, count: Self.textBytesMax)
            self.init(decoding: bytes, as: UTF8.self)
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }

    /// Replaces the file in one step, and is on the disk when it returns.
    func writeFile(_ path: String) throws(FileError) {
        let temporary = "\(path).new"
        try Files.removeIfPresent(temporary)
        let file = try File(creating: temporary)
        try file.write(Array(utf8).span)
        try file.sync()
        try Files.rename(temporary, to: path)
        try Files.syncFolder(Files.parent(of: path))
    }
}
