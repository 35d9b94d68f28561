import Testing

@testable import LTX

/// A replica of the real Litestream: the files that its own restore takes, and the database that it makes of them.
///
/// Size and CRC are those of databases whose SHA-256 is that of `litestream restore`, computed by another program.
struct Replica: CustomTestStringConvertible {
    let name: String
    let files: [String]
    let databaseSize: Int
    let databaseCRC: UInt64

    var testDescription: String { name }

    static let all = [
        Self("checkpoints", ["9/1-11", "0/12-12", "0/13-13"], 61440, 0x0C0F_E16E_D7B8_56A9),
        Self("fruits", ["9/1-1", "0/2-2", "0/3-3", "0/4-4", "0/5-5"], 16384, 0x371B_12B9_0775_0AE5),
        Self("fruits-frames-0.5.11", ["9/1-1", "0/2-2", "0/3-3", "0/4-4", "0/5-5"], 16384, 0x0CB3_06DB_761C_0C3D),
        Self("fruits-s3-layout", ["9/1-1", "1/2-4", "0/5-5"], 16384, 0x371B_12B9_0775_0AE5),
        Self("grow-again", ["9/1-1"] + (2...9).map { "0/\($0)-\($0)" } + ["0/a-a"], 106496, 0x5DC6_F99B_6BFC_BFD7),
        Self("page-size-512", ["9/1-1", "1/1-2", "0/3-3", "0/4-4", "0/5-5"], 23040, 0xB0D6_361B_814D_5C52),
        Self("page-size-4096", ["9/1-1", "0/2-2", "0/3-3", "0/4-4", "0/5-5"], 45056, 0x072D_B914_19A8_CA04),
        Self("page-size-65536", ["9/1-1", "0/2-2", "0/3-3", "0/4-4", "0/5-5"], 327680, 0xAEF5_78B6_016E_1867),
        Self("restarted", ["9/1-1", "1/1-2", "1/3-4"], 16384, 0x71EC_7273_E691_6350),
        Self("shrunk", ["9/1-1", "0/2-2", "0/3-3", "0/4-4", "0/5-5"], 28672, 0xDB1B_6A3C_DE36_005B),
    ]

    /// Each file is a level and two TXIDs in short.
    private init(_ name: String, _ files: [String], _ databaseSize: Int, _ databaseCRC: UInt64) {
        self.name = name
        self.files = files.map { file in
            let parts = file.split(whereSeparator: { "/-".contains($0) })
            let txids = parts.dropFirst().map { String(repeating: "0", count: 16 - $0.count) + $0 }
            return "\(name)/\(parts[0])/\(txids.joined(separator: "-")).ltx"
        }
        self.databaseSize = databaseSize
        self.databaseCRC = databaseCRC
    }
}

@Suite struct FixtureTests {
    @Test(arguments: Replica.all)
    func `a replica of the real Litestream becomes the database that it restores itself`(replica: Replica) throws {
        let merged = try #require(try merge(try replica.files.map(fixture)))
        #expect(merged.pages.map(\.number) == Array(1...merged.header.commit))
        let database = merged.pages.flatMap(\.data)
        #expect(database.count == replica.databaseSize)
        var crc = CRC64()
        crc.update(database.span)
        #expect(crc.value == replica.databaseCRC)
    }

    @Test(arguments: Replica.all)
    func `a real file, encoded again, says the same`(replica: Replica) throws {
        for path in replica.files {
            let original = try #require(try decode(try fixture(path)))
            let again = try #require(try decode(try encode(original.header, original.pages)))
            #expect(again.header == original.header)
            #expect(again.pages == original.pages)
        }
    }

    @Test func `the header of a real file is read as its writer meant it`() throws {
        let file = try #require(try decode(try fixture("fruits/0/0000000000000002-0000000000000002.ltx")))
        let expected = Header(
            pageSize: 4096,
            commit: 4,
            minTXID: TXID(rawValue: 2),
            maxTXID: TXID(rawValue: 2),
            timestampMilliseconds: 1_795_220_477_427,
            walOffset: 24752,
            walSize: 4120,
            walSalt1: 0x7F48_7582,
            walSalt2: 0x530E_591F
        )
        #expect(file.header == expected)
        #expect(file.pages.count == 1)
        #expect(file.end.txid == TXID(rawValue: 2))
    }
}
