internal import Files
internal import LTX

/// The files that were taken from the log and are not yet in every replica, in a folder beside the database.
///
/// Bounded: a replica that stays away too long gets a full file instead.
struct Staging {
    struct Entry: Equatable, Sendable {
        let sequence: UInt64
        let byteCount: Int
        let timestampMilliseconds: Int64
    }

    let folder: String
    private let bytesMax: Int
    /// By sequence, ascending and without gaps.
    private(set) var entries: [Entry] = []

    init(folder: String, bytesMax: Int) {
        (self.folder, self.bytesMax) = (folder, bytesMax)
    }

    static func path(_ folder: String, _ sequence: UInt64) -> String {
        "\(folder)/\(TXID(rawValue: sequence)).ltx"
    }

    /// A file that is still being written; the replicas never see it.
    var temporaryPath: String { "\(folder)/new.tmp" }

    /// The folder's files as the last process left them, as far as they lead up to `sequence` and are sound.
    mutating func open(upTo sequence: UInt64?) throws(FileError) {
        try Files.createFolder(folder)
        entries = []
        var found: [UInt64] = []
        for (name, isFolder) in try Files.entries(of: folder) where !isFolder {
            if name.hasSuffix(".ltx"), let number = TXID(name.dropLast(4))?.rawValue, let sequence, number <= sequence {
                found.append(number)
            } else {
                try Files.remove("\(folder)/\(name)")
            }
        }
        for number in found.sorted(by: >) {
            let isNext = number == (entries.last.map { $0.sequence - 1 } ?? sequence)
            if isNext, let entry = try Self.read(folder, number) {
                entries.append(entry)
            } else {
                try Files.remove(Self.path(folder, number))
            }
        }
        entries.reverse()
    }

    /// Gives the temporary file its name; the replicas get to know of it with `add`.
    func keep(_ sequence: UInt64) throws(FileError) {
        try Files.rename(temporaryPath, to: Self.path(folder, sequence))
    }

    mutating func add(_ entry: Entry) throws(FileError) {
        entries.append(entry)
        var byteCount = entries.reduce(0) { $0 + $1.byteCount }
        while byteCount > bytesMax, let oldest = entries.first {
            byteCount -= oldest.byteCount
            try remove(upTo: oldest.sequence)
        }
    }

    /// Removes what nobody needs any more.
    mutating func remove(upTo sequence: UInt64) throws(FileError) {
        while let oldest = entries.first, oldest.sequence <= sequence {
            try Files.removeIfPresent(Self.path(folder, oldest.sequence))
            entries.removeFirst()
        }
    }

    /// Nil unless all its checksums are right: after a power cut there may be anything under its name.
    private static func read(_ folder: String, _ sequence: UInt64) throws(FileError) -> Entry? {
        let file = try File(reading: path(folder, sequence))
        var decoder = Decoder()
        var (offset, timestamp) = (0, Int64(0))
        while true {
            guard let step = try? decoder.next() else { return nil }
            switch step {
            case .input:
                let bytes = try file.read(at: offset, count: 1 << 20)
                offset += bytes.count
                decoder.feed(bytes)
            case .header(let header): timestamp = header.timestampMilliseconds
            case .page: break
            case .end:
                return Entry(sequence: sequence, byteCount: offset, timestampMilliseconds: timestamp)
            }
        }
    }
}
