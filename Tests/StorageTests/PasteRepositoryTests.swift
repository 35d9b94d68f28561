import Domain
import Storage
import Testing

@Suite struct PasteRepositoryTests {
    @Test(
        arguments: [
            [], [0], Array("text".utf8), Array(0...255), [0xFF, 0xFE, 0xC0],
            [UInt8](repeating: 0x0A, count: Paste.bytesMax),
        ] as [[UInt8]]
    )
    func `a paste comes back byte for byte`(contents: [UInt8]) async throws {
        try await withStorage { stored in
            let paste = Paste(id: "fFnL9cU6", contents: contents)
            let isNew = try await stored.pastes.create(paste).value
            #expect(isNew)
            #expect(try stored.pastes.find("fFnL9cU6") == paste)
        }
    }

    @Test func `an id that is taken is not given again, and the first paste stays`() async throws {
        try await withStorage { stored in
            var outcomes: [Bool] = []
            for (id, byte) in [("AAAAAAAA", 1), ("AAAAAAAA", 2), ("aaaaaaaa", 3)] as [(String, UInt8)] {
                outcomes.append(try await stored.pastes.create(Paste(id: id, contents: [byte])).value)
            }
            #expect(outcomes == [true, false, true])
            #expect(try stored.pastes.find("AAAAAAAA")?.contents == [1])
            #expect(try stored.pastes.find("aaaaaaaa")?.contents == [3])
        }
    }

    @Test(arguments: ["", "AAAAAAAB", "AAAAAAAA ", "AAAAAAAA\0", "' OR 1=1"])
    func `an id that is not there is nothing`(id: String) async throws {
        try await withStorage { stored in
            _ = try await stored.pastes.create(Paste(id: "AAAAAAAA", contents: [1]))
            #expect(try stored.pastes.find(id) == nil)
        }
    }
}
