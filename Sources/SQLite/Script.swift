internal import CSQLite

/// Which statement of a script failed.
package struct ScriptError: Error, Sendable {
    /// Counted from 1.
    package let statement: Int
    /// The line in the script on which the statement starts, counted from 1.
    package let line: Int
    package let cause: SQLiteError
}

extension Connection {
    /// Runs SQL that came from a file, statement by statement; rows are read and dropped.
    ///
    /// - Returns: How many statements ran.
    @discardableResult
    package func runScript(_ sql: String) throws(ScriptError) -> Int {
        // Some SQL has been written with NUL inside; SQLite would stop there without a word.
        guard !sql.utf8.contains(0) else {
            let error = SQLiteError(code: SQLITE_ERROR, message: "the script holds a NUL character", sql: nil)
            throw ScriptError(statement: 1, line: 1, cause: error)
        }
        // With a NUL at its end SQLite reads it in place; without, each statement would copy all that is left of it.
        let text = Array(sql.utf8) + [0]
        // The closure is not typed to throw: carry the error out as a value.
        let result: Result<Int, ScriptError> = text.withUnsafeBufferPointer { bytes in
            do throws(ScriptError) { return .success(try runTerminated(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private func runTerminated(_ bytes: UnsafeBufferPointer<UInt8>) throws(ScriptError) -> Int {
        let end = bytes.count - 1
        var offset = 0
        var count = 0
        while true {
            offset = Self.skipBlank(bytes[..<end], from: offset)
            guard offset < end else { return count }
            count += 1
            do throws(SQLiteError) {
                offset += try runFirst(UnsafeBufferPointer(rebasing: bytes[offset...]))
            } catch {
                let line = 1 + bytes[..<offset].reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
                throw ScriptError(statement: count, line: line, cause: error)
            }
        }
    }

    /// Runs the first statement of a text that ends with a NUL.
    ///
    /// - Returns: The length of the statement.
    private func runFirst(_ bytes: UnsafeBufferPointer<UInt8>) throws(SQLiteError) -> Int {
        var handle: OpaquePointer?
        var length = bytes.count - 1
        let code = bytes.withMemoryRebound(to: CChar.self) { text in
            var tail: UnsafePointer<CChar>?
            let code = sqlite3_prepare_v3(self.handle, text.baseAddress, -1, 0, &handle, &tail)
            if let tail, let start = text.baseAddress { length = tail - start }
            return code
        }
        let sql = String(decoding: bytes.prefix(length), as: UTF8.self)
        try check(code, sql)
        guard let handle else { return length }  // only a semicolon
        let statement = Statement(handle: handle)
        while try step(statement.handle, sql) {}
        return length
    }

    /// White space, comments and lone semicolons are no statements, and would spoil the line that is named.
    private static func skipBlank(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, from start: Int) -> Int {
        var index = start
        while index < bytes.endIndex {
            switch bytes[index] {
            case UInt8(ascii: " "), 0x09...0x0D, UInt8(ascii: ";"):
                index += 1
            case UInt8(ascii: "-") where index + 1 < bytes.endIndex && bytes[index + 1] == UInt8(ascii: "-"):
                while index < bytes.endIndex, bytes[index] != UInt8(ascii: "\n") { index += 1 }
            case UInt8(ascii: "/") where index + 1 < bytes.endIndex && bytes[index + 1] == UInt8(ascii: "*"):
                index += 2
                while index + 1 < bytes.endIndex,
                    bytes[index] != UInt8(ascii: "*") || bytes[index + 1] != UInt8(ascii: "/")
                {
                    index += 1
                }
                index = min(index + 2, bytes.endIndex)
            default:
                return index
            }
        }
        return index
    }
}
