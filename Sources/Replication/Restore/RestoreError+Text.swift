internal import ObjectStore

extension RestoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .plan(let error): "\(error)"
        case .damaged(let key, let reason): "the object \(key) is damaged: \(reason)"
        case .vanished(let error):
            "\(error.key) is in the listing and cannot be read, also after looking again: \(error)"
        case .store(let error): "the replica cannot be reached or may not be read: \(error)"
        case .targetExists(let path): "\(path) exists"
        case .busy(let path): "another process is restoring to \(path)"
        case .file(let error): "\(error)"
        case .integrity(let problems):
            "SQLite finds the restored database damaged: " + problems.prefix(5).joined(separator: "; ")
        case .database(let error): "the database cannot be brought up to date: \(error)"
        case .cancelled: "interrupted; nothing was left behind"
        }
    }
}

extension RestorePlanError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noReplica: "there is no replica: nothing that Litestream or this program writes is there"
        case .gap(let from, let to):
            from == to
                ? "there is a gap: transaction \(from) is in no file"
                : "there is a gap: the transactions \(from) to \(to) are in no file"
        case .notATXID(let txid, let below?, let above?):
            "transaction \(txid) was compacted and cannot be restored; the nearest are \(below) and \(above)"
        case .notATXID(let txid, let below?, nil): "there is no transaction \(txid) yet: the last one is \(below)"
        case .notATXID(let txid, nil, let above?):
            "transaction \(txid) was compacted and cannot be restored; the nearest is \(above)"
        case .notATXID(let txid, nil, nil): "there is no transaction \(txid), nor any near it"
        case .outside(let earliest, let latest):
            if let latest {
                "no state is known for that time: every one is between \(Self.time(earliest)) and \(Self.time(latest))"
            } else {
                "the replica does not reach back to that time: it begins after \(Self.time(earliest))"
            }
        case .noSuchGeneration(let generation): "there is no generation \(generation.name)"
        case .noTXIDs: "this is a replica of Litestream 0.3, which has no transaction numbers; use a timestamp"
        case .noGenerations: "this replica has no generations and indexes: it is not one of Litestream 0.3"
        case .generation(let error): (error.object.map { "\($0.key): " } ?? "") + "\(error)"
        }
    }

    private static func time(_ milliseconds: Int64) -> String {
        StoreTime(unixMilliseconds: milliseconds).iso8601
    }
}
