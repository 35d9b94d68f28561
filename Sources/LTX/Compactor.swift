/// Merges several files that follow on each other into what one file would have held: of each page, the newest.
///
/// Like `Decoder`, it asks for input instead of fetching it, and holds one page and one piece of input for each file.
/// The result is a restored database when the first file is a snapshot, and a compacted file when it goes to an `Encoder`.
package struct Compactor: Sendable {
    package enum Step: Sendable {
        /// Call `feed` for this file, then `next` again.
        case input(file: Int)
        /// The header of the result. What it says of the WAL and the node is left at zero.
        case header(Header)
        case page(Page)
        /// Every file has been read to its end and every checksum is right: this is where the last one ends.
        case end(Position)
    }

    private struct Input {
        var decoder = Decoder()
        var header: Header?
        var page: Page?
        var end: Position?
    }

    private var inputs: [Input]
    /// Files whose next page must be known before the lowest of all is.
    private var waiting: [Int]
    private var heads = PageQueue()
    private var result: (header: Header, pages: PageSequence)?
    private var failure: LTXError?

    /// A merge of `fileCount` files, the oldest of which is file 0.
    package init(fileCount: Int) {
        precondition(fileCount > 0)
        inputs = Array(repeating: Input(), count: fileCount)
        waiting = Array((0..<fileCount).reversed())
    }

    /// Header and end of each file that has been read to its end, in order.
    package var finishedFiles: [(header: Header, end: Position)] {
        inputs.compactMap { input in
            guard let header = input.header, let end = input.end else { return nil }
            return (header, end)
        }
    }

    /// Hands over the next bytes of a file; none at all say that it has ended.
    package mutating func feed(_ bytes: [UInt8], file: Int) {
        inputs[file].decoder.feed(bytes)
    }

    /// Reads on, as far as the next thing worth telling.
    ///
    /// After an error there is only that error.
    package mutating func next() throws(LTXError) -> Step {
        if let failure { throw failure }
        do {
            return try merge()
        } catch {
            failure = error
            throw error
        }
    }

    private mutating func merge() throws(LTXError) -> Step {
        while true {
            if let file = waiting.last {
                guard try advance(file) else { return .input(file: file) }
                waiting.removeLast()
            } else if result == nil {
                return .header(try begin())
            } else if let page = popNewest() {
                // A later file may have cut the database off before this page.
                guard page.number <= result?.header.commit ?? 0 else { continue }
                if let problem = result?.pages.take(page.number) { throw failure(problem) }
                return .page(page)
            } else {
                return .end(try finish())
            }
        }
    }

    /// Reads a file's next header, page or end; false if that needs input.
    private mutating func advance(_ file: Int) throws(LTXError) -> Bool {
        do {
            switch try inputs[file].decoder.next() {
            case .input: return false
            case .header(let header): inputs[file].header = header
            case .page(let page):
                inputs[file].page = page
                heads.insert(page: page.number, file: file)
            case .end(let position): inputs[file].end = position
            }
            return true
        } catch {
            var error = error
            error.file = file
            throw error
        }
    }

    /// Checks that the files belong together, and makes the result's header of theirs.
    private mutating func begin() throws(LTXError) -> Header {
        let headers = inputs.compactMap(\.header)
        guard let first = headers.first, let last = headers.last, headers.count == inputs.count else {
            preconditionFailure("a file's header comes before all else")
        }
        for (file, pair) in zip(headers, headers.dropFirst()).enumerated() {
            let (before, after) = pair
            guard before.pageSize == after.pageSize else {
                throw LTXError(.pageSizeChange(from: before.pageSize, to: after.pageSize), offset: 8, file: file + 1)
            }
            let follows = after.minTXID.rawValue - 1 <= before.maxTXID.rawValue && after.maxTXID > before.maxTXID
            guard follows else {
                throw LTXError(
                    .transactionGap(after: before.maxTXID, min: after.minTXID, max: after.maxTXID),
                    offset: 16,
                    file: file + 1
                )
            }
        }
        let header = Header(
            pageSize: last.pageSize,
            commit: last.commit,
            minTXID: first.minTXID,
            maxTXID: last.maxTXID,
            timestampMilliseconds: last.timestampMilliseconds
        )
        result = (header, PageSequence(header))
        waiting = Array(inputs.indices.reversed())
        return header
    }

    /// Takes the lowest page that any file has next, in its newest version.
    private mutating func popNewest() -> Page? {
        guard let (number, newest) = heads.popFirst() else { return nil }
        let page = inputs[newest].page.take()
        waiting.append(newest)
        while let older = heads.popFirst(ifPage: number) {
            inputs[older].page = nil
            waiting.append(older)
        }
        return page
    }

    private func finish() throws(LTXError) -> Position {
        if let problem = result?.pages.end() { throw failure(problem) }
        guard let end = inputs.last?.end else { preconditionFailure("a file without a next page has ended") }
        return end
    }

    /// A failure that shows in the newest file, if not before.
    private func failure(_ problem: LTXError.Problem) -> LTXError {
        LTXError(problem, offset: 0, file: inputs.count - 1)
    }
}
