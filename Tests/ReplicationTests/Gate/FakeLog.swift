import Foundation
import LTX
import ObjectStore
import Replication
import Synchronization

/// What several logs have in common: files in order, the first of each number stays.
final class FakeBucket: Sendable {
    private let contents = Mutex<[[UInt8]]>([])

    var files: [[UInt8]] { contents.withLock { $0 } }

    /// Whether the file was created.
    func create(_ txid: TXID, _ bytes: [UInt8]) -> Bool {
        contents.withLock { files in
            guard files.count == Int(txid.rawValue) - 1 else { return false }
            files.append(bytes)
            return true
        }
    }

    /// Puts together what the files hold.
    func restore(to path: String) throws {
        var compactor = Compactor(fileCount: files.count)
        var isFed = Array(repeating: false, count: files.count)
        var (pageSize, data) = (0, Data())
        while true {
            switch try compactor.next() {
            case .input(let file):
                compactor.feed(isFed[file] ? [] : files[file], file: file)
                isFed[file] = true
            case .header(let header):
                pageSize = Int(header.pageSize)
                data = Data(count: pageSize * Int(header.commit))
            case .page(let page):
                let start = (Int(page.number) - 1) * pageSize
                data.replaceSubrange(start..<(start + pageSize), with: page.data)
            case .end: return try data.write(to: URL(filePath: path))
            }
        }
    }
}

/// One writer's view of a ``FakeBucket``, which does with the next files what it is told.
final class FakeLog: CommitLog {
    enum Act: Sendable {
        /// It is created, unless there is another.
        case create
        /// It is created, and nobody hears of it.
        case createUnheard
        /// It is not created, and nobody can say so.
        case lose
        /// It is not created, for sure.
        case refuse
        /// What `newer` gives is to restore.
        case demandRestore
    }

    let bucket: FakeBucket
    private let state = Mutex((position: Position?.none, acts: [Act](), mustRestore: false, isSilent: false))
    /// Runs before each file is created.
    private let willAppend: @Sendable (_ txid: TXID) async -> Void

    init(_ bucket: FakeBucket, willAppend: @escaping @Sendable (_ txid: TXID) async -> Void = { _ in }) {
        (self.bucket, self.willAppend) = (bucket, willAppend)
    }

    /// What happens to the files that come next, one after the other.
    func next(_ acts: Act...) { state.withLock { $0.acts = acts } }

    /// Whether it does not say what comes next.
    func isSilent(_ isSilent: Bool) { state.withLock { $0.isSilent = isSilent } }

    var position: Position? { state.withLock { $0.position } }

    func nextHeader(pageSize: UInt32, commit: UInt32) -> Header {
        let txid = TXID(rawValue: (position?.txid.rawValue ?? 0) + 1)
        return Header(pageSize: pageSize, commit: commit, minTXID: txid, maxTXID: txid, timestampMilliseconds: 0)
    }

    func append(_ bytes: [UInt8], _ position: Position, within patience: Duration) async -> FencedLog.AppendOutcome {
        await willAppend(position.txid)
        let act = state.withLock { $0.acts.isEmpty ? .create : $0.acts.removeFirst() }
        switch act {
        case .create:
            guard bucket.create(position.txid, bytes) else { return .lost }
            advance(to: position)
            return .committed(position.txid)
        case .createUnheard:
            _ = bucket.create(position.txid, bytes)
            return .unknown(nil)
        case .lose: return .unknown(nil)
        case .refuse: return .refused(.restoreNeeded)
        case .demandRestore:
            state.withLock { $0.mustRestore = true }
            return .lost
        }
    }

    func fetchNewer() async throws(LogError) -> FencedLog.Newer {
        if state.withLock({ $0.isSilent }) {
            throw .store(ObjectStoreError(.unreachable, .get, key: "", store: "a fake", "as planned"))
        }
        if state.withLock({ $0.mustRestore }) { return .restore }
        var txid = position?.txid.rawValue ?? 0
        var files: [LogFile] = []
        for bytes in bucket.files.dropFirst(Int(txid)) {
            txid += 1
            files.append(try LogFile(bytes, of: TXID(rawValue: txid), key: "\(txid)"))
        }
        return files.isEmpty ? .none : .files(files, sawEnd: false)
    }

    func advance(to position: Position) {
        state.withLock { $0.position = position }
    }

    /// The database has been restored to the end of the bucket.
    func rebase() {
        let count = UInt64(bucket.files.count)
        guard let last = bucket.files.last, let file = try? LogFile(last, of: TXID(rawValue: count), key: "last") else {
            return
        }
        state.withLock { ($0.position, $0.mustRestore) = (file.position, false) }
    }
}
