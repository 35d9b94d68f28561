internal import Files
internal import ObjectStore
internal import Synchronization

/// The bytes of a file, read as they are uploaded.
final class FileSource: ByteSource {
    private let path: String
    private let offset = Mutex(0)
    private let queue = BlockingQueue(label: "file-source")

    init(_ path: String) { self.path = path }

    func read(_ count: Int) async throws -> [UInt8] {
        let (path, start) = (path, offset.withLock { $0 })
        let bytes = try await queue.run { () throws(FileError) in
            try File(reading: path).read(at: start, count: count)
        }
        offset.withLock { $0 = start + bytes.count }
        return bytes
    }
}
