package import LTX
internal import ObjectStore

/// Makes a database of LTX files: those merged, of each page the newest version is written, once.
struct LTXRestore {
    /// As many files are merged at a time; what they leave open in memory does not grow with the plan.
    private static let batchCountMax = 256

    let store: any ObjectStore
    let files: [LTXFile]
    let parallelism: Int
    let progress: RestoreProgress

    /// Writes the database, and says what the last file is.
    func write(to database: inout DatabaseFile) async throws(RestoreError) -> RestoredFile {
        var chain = RestoredChain()
        var pageSize: UInt32?
        for start in stride(from: 0, to: files.count, by: Self.batchCountMax) {
            let batch = Array(files[start...].prefix(Self.batchCountMax))
            let header = try await merge(batch, &chain, into: &database)
            if let pageSize, pageSize != header.pageSize {
                let reason = "the page size changes from \(pageSize) to \(header.pageSize)"
                throw .damaged(key: batch[0].object.key, reason: reason)
            }
            pageSize = header.pageSize
            // Cuts off what these transactions cut off; the lock page, which no file has, is left as zeros.
            try await database.resize(to: Int(header.commit) * Int(header.pageSize))
        }
        guard let last = chain.last else { preconditionFailure("a plan without files") }
        return last
    }

    private func merge(
        _ batch: [LTXFile],
        _ chain: inout RestoredChain,
        into database: inout DatabaseFile
    ) async throws(RestoreError) -> Header {
        let ahead = FetchAhead(sizes: batch.map(\.object.size), parallelism: parallelism)
        let permits = Permits(parallelism)
        let readers = batch.map { ObjectReader($0.object, in: store, ahead, permits) }
        defer { for reader in readers { reader.cancel() } }
        for reader in readers { reader.prefetch() }
        var merge = LTXMerge(files: batch)
        while true {
            switch try merge.next() {
            case .input(let file):
                let bytes = try await readers[file].next()
                try merge.feed(bytes, file: file)
                progress.add(bytes.count)
            case .header: break
            case .page(let page):
                let place = (Int(page.number) - 1) * page.data.count
                while !database.keep(page.data, at: place) { try await database.flush() }
            case .end:
                for file in merge.finishedFiles { try chain.add(file) }
                guard let header = merge.header else { preconditionFailure("an end without a beginning") }
                return header
            }
        }
    }
}

/// A file of which a database was made.
package struct RestoredFile: Sendable {
    package let file: LTXFile
    package let header: Header
    package let end: Position

    /// The checksum of the last file of level 0 that is in it, if it is known.
    package var lastChecksum: Checksum? { file.level == 0 ? end.fileChecksum : header.linkedChecksum }
}

/// Makes sure that files follow on each other, where they say so.
///
/// A file of level 0 that was overwritten, or that is of another history, has other bytes than the one after it names.
private struct RestoredChain {
    private(set) var last: RestoredFile?

    mutating func add(_ file: RestoredFile) throws(RestoreError) {
        defer { last = file }
        // A file of a higher level names its own last transaction, not the one before its first.
        guard let last, file.file.level == 0, let named = file.header.linkedChecksum, let found = last.lastChecksum
        else { return }
        guard named == found else {
            let reason =
                "it does not follow on \(last.file.object.key): one of them was overwritten, or two replicas were mixed"
            throw .damaged(key: file.file.object.key, reason: reason)
        }
    }
}

/// A merge whose errors name the object, and whose files are what their names say.
struct LTXMerge {
    private let files: [LTXFile]
    private var compactor: Compactor
    private var isNamed: [Bool]
    private(set) var header: Header?

    init(files: [LTXFile]) {
        self.files = files
        compactor = Compactor(fileCount: files.count)
        isNamed = files.map { _ in false }
    }

    var finishedFiles: [RestoredFile] {
        zip(files, compactor.finishedFiles).map { RestoredFile(file: $0, header: $1.header, end: $1.end) }
    }

    mutating func feed(_ bytes: [UInt8], file: Int) throws(RestoreError) {
        if !isNamed[file], bytes.count >= Header.size {
            let header: Header
            do { header = try Header(bytes.span) } catch {
                throw .damaged(key: files[file].object.key, reason: "\(error)")
            }
            guard header.minTXID == files[file].minTXID, header.maxTXID == files[file].maxTXID else {
                let reason = "inside, it has the transactions \(header.minTXID)-\(header.maxTXID)"
                throw .damaged(key: files[file].object.key, reason: reason)
            }
            isNamed[file] = true
        }
        compactor.feed(bytes, file: file)
    }

    mutating func next() throws(RestoreError) -> Compactor.Step {
        do {
            let step = try compactor.next()
            if case .header(let header) = step { self.header = header }
            return step
        } catch {
            throw .damaged(key: files[error.file].object.key, reason: "\(error)")
        }
    }
}
