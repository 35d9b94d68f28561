internal import LTX
internal import SQLite

extension PageChange {
    /// What files of level 0 that follow on each other change in all, and the place in the log where the last one ends.
    ///
    /// `isWhole` says that the first of them is the first of the log, and another database is there.
    static func merging(_ files: [[UInt8]], isWhole: Bool) throws(LTXError) -> (change: PageChange, end: Position) {
        var compactor = Compactor(fileCount: files.count)
        var isFed = Array(repeating: false, count: files.count)
        var change: PageChange?
        while true {
            switch try compactor.next() {
            case .input(let file):
                compactor.feed(isFed[file] ? [] : files[file], file: file)
                isFed[file] = true
            case .header(let header):
                change = PageChange(pageSize: Int(header.pageSize), pageCount: Int(header.commit), isWhole: isWhole)
            case .page(let page): change?.add(page.number, page.data)
            case .end(let end):
                guard let change else { preconditionFailure("pages without a header") }
                return (change, end)
            }
        }
    }
}
