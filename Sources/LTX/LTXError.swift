package import LZ4

/// What is wrong with an LTX file, and where.
package struct LTXError: Error, Equatable, Sendable {
    package enum Problem: Equatable, Sendable {
        /// The input ends before the file does.
        case truncated
        /// The input goes on after the file's end.
        case trailingBytes

        // The header.
        case magic(UInt32)
        case headerFlags(UInt32)
        case pageSize(UInt32)
        /// A database of zero pages.
        case commitMissing
        case transactionRange(min: TXID, max: TXID)
        /// A checksum where none may be, or none where one must be.
        case databaseChecksumPresence
        /// A WAL size or salt without an offset, or a number above 2⁶³.
        case walRange
        case reservedBytes

        // The pages.
        case pageFlags(UInt16)
        /// Out of order, beyond the end of the database, or the lock page.
        case pageNumber(UInt32)
        /// A file that must hold every page lacks this one.
        case pageMissing(UInt32)
        case pageData(page: UInt32, LZ4Error)
        /// Another number of bytes than the page size says.
        case pageContentSize(page: UInt32, Int)

        // The end.
        /// The index does not say what the pages say.
        case index
        case indexSize(UInt64)
        case databaseChecksum
        case fileChecksum

        // Several files.
        /// This file's transactions do not follow on those of the file before.
        case transactionGap(after: TXID, min: TXID, max: TXID)
        case pageSizeChange(from: UInt32, to: UInt32)
    }

    package let problem: Problem
    /// The byte in the file at which the damaged part begins.
    package let offset: UInt64
    /// Which of several files, counted from 0 in the order given.
    package internal(set) var file = 0

    init(_ problem: Problem, offset: UInt64, file: Int = 0) {
        self.problem = problem
        self.offset = offset
        self.file = file
    }
}

extension LTXError: CustomStringConvertible {
    package var description: String { "\(text) (at byte \(offset) of the LTX file)" }

    private var text: String {
        switch problem {
        case .truncated: "the file is cut off"
        case .trailingBytes: "there are bytes after the end"
        case .magic: "this is not an LTX file"
        case .headerFlags(let flags): "unknown header flags 0x\(String(flags, radix: 16))"
        case .pageSize(let size): "\(size) is not a page size"
        case .commitMissing: "the database size is zero"
        case .transactionRange(let min, let max): "\(min)-\(max) is not a range of transactions"
        case .databaseChecksumPresence: "a database checksum is missing, malformed or not allowed"
        case .walRange: "the WAL position contradicts itself"
        case .reservedBytes: "reserved bytes are not zero"
        case .pageFlags(let flags): "unknown page flags 0x\(String(flags, radix: 16))"
        case .pageNumber(let number): "page \(number) must not be here"
        case .pageMissing(let number): "page \(number) is missing"
        case .pageData(let number, let error): "the data of page \(number) is damaged: \(error)"
        case .pageContentSize(let number, let size): "page \(number) has \(size) bytes"
        case .index: "the page index does not match the pages"
        case .indexSize(let size): "the page index does not have \(size) bytes"
        case .databaseChecksum: "the pages do not match the database checksum"
        case .fileChecksum: "the file does not match its checksum"
        case .transactionGap(let after, let min, let max): "transactions \(min)-\(max) do not follow on \(after)"
        case .pageSizeChange(let from, let to): "the page size changes from \(from) to \(to)"
        }
    }
}
