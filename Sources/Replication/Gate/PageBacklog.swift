/// Pages that wait for the log, each in its newest version only.
struct PageBacklog {
    /// All of it, at one moment between two transactions.
    struct Contents {
        let pageSize: Int
        /// The length of the database.
        let pageCount: UInt32
        let pages: [(number: UInt32, bytes: [UInt8])]
    }

    private var pages: [UInt32: [UInt8]] = [:]
    private var pageSize = 0
    private var pageCount: UInt32 = 0

    var isEmpty: Bool { pages.isEmpty }

    var byteCount: Int { pages.count * pageSize }

    mutating func add(_ number: UInt32, _ bytes: [UInt8]) { pages[number] = bytes }

    /// A transaction ends, and the database is as long as this.
    mutating func resize(pageSize: Int, pageCount: UInt32) {
        if pageCount < self.pageCount { pages = pages.filter { $0.key <= pageCount } }
        (self.pageSize, self.pageCount) = (pageSize, pageCount)
    }

    /// Empties it.
    mutating func take() -> Contents {
        defer { pages = [:] }
        let sorted = pages.sorted { $0.key < $1.key }.map { (number: $0.key, bytes: $0.value) }
        return Contents(pageSize: pageSize, pageCount: pageCount, pages: sorted)
    }
}
