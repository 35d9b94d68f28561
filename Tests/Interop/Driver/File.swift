import Glibc

/// A file, read and written at offsets; every failure ends the program, which only tests run.
struct File {
    private let descriptor: Int32

    init(_ path: String, writing: Bool = false) {
        descriptor = open(path, writing ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0o644)
        if descriptor < 0 { fail("cannot open \(path)") }
    }

    /// Up to `count` bytes, fewer only at the end.
    func read(at offset: UInt64, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, size in
            size = pread(descriptor, buffer.baseAddress, count, off_t(offset))
            if size < 0 { fail("cannot read") }
        }
    }

    func write(_ bytes: [UInt8], at offset: UInt64) {
        let size = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
        if size != bytes.count { fail("cannot write") }
    }

    func truncate(to size: UInt64) {
        if ftruncate(descriptor, off_t(size)) != 0 { fail("cannot truncate") }
    }

    func finish() {
        close(descriptor)
    }
}

func fail(_ message: String) -> Never {
    let line = Array("\(message)\n".utf8)
    _ = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(1)
}
