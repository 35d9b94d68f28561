internal import Files
package import LTX
internal import WAL

/// How far a database was replicated, as it is written down beside it; read while the replicator runs, or does not.
package struct LocalReplication: Sendable {
    /// What a replica was given.
    package struct Replica: Sendable, Equatable {
        package let txid: TXID
        /// What it lacks: files that wait beside the database, and what is in the log only.
        package let missingBytes: Int
        /// The time of the oldest of it; nil if nothing is missing.
        package let missingSinceMilliseconds: Int64?
    }

    private let settings: DatabaseReplicator.Settings
    private let record: TailRecord?

    package init(_ settings: DatabaseReplicator.Settings) {
        self.settings = settings
        record = TailRecord(at: "\(settings.stateFolder)/position")
    }

    /// The size of the WAL file; nil where there is none.
    package var walSize: Int? { walStatus?.size }

    /// The size of a file that must not be opened, such as a database; nil where there is none.
    package static func size(of path: String) -> Int? { try? Files.size(of: path) }

    /// Whether there is a database.
    package var hasDatabase: Bool {
        // What cannot be looked at is not there for a replicator either.
        (try? Files.inode(of: settings.path)) != nil
    }

    /// What the replica of this name was given; nil for one that was given nothing by this replicator.
    package func replica(named name: String) -> Replica? {
        let path = ReplicaRecord.path(in: settings.stateFolder, name)
        guard let record, let given = ReplicaRecord(at: path), given.lineage == record.lineage else { return nil }
        let staged = staged(after: given.sequence)
        let logged = loggedBytes(after: record)
        let loggedAt = logged > 0 ? walStatus.map { $0.modifiedNanoseconds / 1_000_000 } : nil
        let since = staged.first?.milliseconds ?? loggedAt
        return Replica(
            txid: given.position.txid,
            missingBytes: staged.reduce(0) { $0 + $1.byteCount } + logged,
            missingSinceMilliseconds: since ?? (given.sequence < record.sequence ? record.timestampMilliseconds : nil)
        )
    }

    private var walStatus: File.Status? {
        // A log has no locks that closing it could drop.
        try? File(reading: settings.path + "-wal").status()
    }

    /// By sequence, ascending; what vanishes meanwhile is not missing any more.
    private func staged(after sequence: UInt64) -> [(byteCount: Int, milliseconds: Int64)] {
        let folder = "\(settings.stateFolder)/staged"
        let names = (try? Files.entries(of: folder).map(\.name)) ?? []
        let numbers = names.filter { $0.hasSuffix(".ltx") }.compactMap { TXID($0.dropLast(4))?.rawValue }
        return numbers.filter { $0 > sequence }.sorted().compactMap { number in
            guard let file = try? File(reading: Staging.path(folder, number)), let status = try? file.status(),
                let bytes = try? file.read(at: 0, count: Header.size), let header = try? Header(bytes.span)
            else { return nil }
            return (status.size, header.timestampMilliseconds)
        }
    }

    /// How much was committed to the log and not yet taken from it.
    private func loggedBytes(after record: TailRecord) -> Int {
        guard let file = try? File(reading: settings.path + "-wal"),
            let start = try? file.read(at: 0, count: WALHeader.size), let header = try? WALHeader(start.span)
        else { return 0 }
        var position = WALPosition(startOf: header)
        if header.salt1 == record.place.salt1, header.salt2 == record.place.salt2, record.place.frameCount > 0 {
            position = WALPosition(
                header: header,
                offset: UInt64(WALHeader.size + record.place.frameCount * header.frameSize),
                checksum: WALChecksum(record.place.checksum1, record.place.checksum2)
            )
        }
        var reader = WALReader(from: position)
        while reader.end == nil {
            guard let bytes = try? file.read(at: Int(reader.offset), count: 64 * header.frameSize),
                bytes.count >= header.frameSize
            else { break }
            reader.read(bytes.span)
        }
        return Int(reader.position.offset - position.offset)
    }
}
