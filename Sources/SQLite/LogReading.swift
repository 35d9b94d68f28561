/// The WAL of a database and the database behind it, as bytes.
package protocol LogReading {
    /// How long the WAL file is; behind the newest log there may be what is left of an older one.
    func logSize() throws(SQLiteError) -> Int
    /// Bytes of the WAL file; fails where it is shorter.
    func readLog(at offset: Int, count: Int) throws(SQLiteError) -> [UInt8]
    /// Bytes of the database file; what is behind its end is zero.
    func readDatabase(at offset: Int, count: Int) throws(SQLiteError) -> [UInt8]
}
