internal import CSQLite

/// A compiled statement, finalized exactly once.
///
/// `~Copyable` turns a second finalize, or a use after it, into a compile error.
///
/// - SeeAlso: <https://sqlite.org/c3ref/stmt.html>
struct Statement: ~Copyable {
    let handle: OpaquePointer

    deinit { sqlite3_finalize(handle) }

    /// Whether a step has been made and not yet reset.
    var isBusy: Bool { sqlite3_stmt_busy(handle) != 0 }

    /// - Returns: SQLite's result code.
    func bind(_ value: Value, at index: Int32) -> Int32 {
        switch value {
        case .null:
            return sqlite3_bind_null(handle, index)
        case .integer(let integer):
            return sqlite3_bind_int64(handle, index, integer)
        case .text(var text):
            return text.withUTF8 { bytes in
                guard let start = bytes.baseAddress else {
                    return sqlite3_bind_text(handle, index, "", 0, csqlite_transient())
                }
                return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
                    sqlite3_bind_text64(
                        handle,
                        index,
                        $0,
                        sqlite3_uint64(bytes.count),
                        csqlite_transient(),
                        UInt8(SQLITE_UTF8)
                    )
                }
            }
        case .blob(let bytes):
            // An empty array may have no address, and a null pointer would bind NULL.
            guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(handle, index, 0) }
            return bytes.withUnsafeBytes {
                sqlite3_bind_blob64(handle, index, $0.baseAddress, sqlite3_uint64($0.count), csqlite_transient())
            }
        }
    }
}

/// The row a statement stands on; lent to a closure, and gone after it.
package struct Row: ~Copyable {
    let handle: OpaquePointer

    package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    package func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    /// NULL reads as the empty text.
    package func text(_ column: Int32) -> String {
        String(decoding: buffer(column), as: UTF8.self)
    }

    package func textOrNull(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    package func blob(_ column: Int32) -> [UInt8] { Array(buffer(column)) }

    /// Lends a text's or blob's bytes, without a copy, for as long as the call takes.
    package func withBytes(_ column: Int32, _ body: (Span<UInt8>) -> Void) {
        body(Span(_unsafeElements: buffer(column)))
    }

    /// Valid until the statement is stepped or reset.
    private func buffer(_ column: Int32) -> UnsafeBufferPointer<UInt8> {
        // The order matters: the pointer first, then its length.
        let start = sqlite3_column_blob(handle, column)
        let count = start == nil ? 0 : Int(sqlite3_column_bytes(handle, column))
        return UnsafeBufferPointer(start: start?.assumingMemoryBound(to: UInt8.self), count: count)
    }
}
