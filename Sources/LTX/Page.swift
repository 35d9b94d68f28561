/// One page of the database.
package struct Page: Equatable, Sendable {
    /// Counted from 1.
    package let number: UInt32
    package let data: [UInt8]
}

/// The rule for the page numbers in one file: ascending, within the database, never the lock page, and all of them if
/// the file is a snapshot.
struct PageSequence {
    private let commit: UInt32
    private let lockPage: UInt32
    private let isComplete: Bool
    private var last: UInt32 = 0

    init(_ header: Header) {
        commit = header.commit
        lockPage = header.lockPage
        isComplete = header.isSnapshot
    }

    /// The lowest number that may come next; one more than the last page at the end of the database.
    private var next: UInt64 {
        let next = UInt64(last) + 1
        return next == UInt64(lockPage) ? next + 1 : next
    }

    /// Takes note of a page, or says why it must not come now.
    mutating func take(_ number: UInt32) -> LTXError.Problem? {
        guard number > last, number <= commit, number != lockPage else { return .pageNumber(number) }
        guard !isComplete || UInt64(number) == next else { return .pageMissing(UInt32(next)) }
        last = number
        return nil
    }

    /// Says why the pages must not end here.
    func end() -> LTXError.Problem? {
        guard isComplete, next <= UInt64(commit) else { return nil }
        return .pageMissing(UInt32(next))
    }
}
