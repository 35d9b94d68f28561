import Files
import FoundationEssentials
import StoreTestSupport
import Testing

@Suite struct WorkFileTests {
    @Test func `of many that want the same name, each that gets it has the file of that name`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/wanted"
            let takenCount = try await withThrowingTaskGroup(of: Int.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        var takenCount = 0
                        for round in 0..<500 {
                            guard let file = try WorkFile(taking: path) else { continue }
                            try file.write([1].span, at: 0)
                            // Fails when the file has another name by now, and somebody else's this one.
                            try Files.rename(path, to: "\(folder)/\(task)-\(round)")
                            takenCount += 1
                        }
                        return takenCount
                    }
                }
                return try await group.reduce(0, +)
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(names.count == takenCount)
            for name in names {
                let size = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")[.size] as? Int
                #expect(size == 1, "\(name) was emptied by another")
            }
        }
    }

    @Test func `what was left is emptied, and a file can be written and read in any order`() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/left"
            try Data(repeating: 7, count: 100).write(to: URL(filePath: path))
            let file = try #require(try WorkFile(taking: path))
            try file.write([3, 4].span, at: 2)
            #expect(try file.read(at: 0, count: 100) == [0, 0, 3, 4])
            try file.truncate(to: 3)
            try file.write([1].span, at: 0)
            try file.sync()
            #expect([UInt8](try Data(contentsOf: URL(filePath: path))) == [1, 0, 3])
            #expect(try WorkFile(taking: path) == nil)
        }
    }
}
